//! What is there.

use crate::llm::offline::{
    cell_writer::{
        Piece::{Eval, Say},
        Value, literal, sentence, the,
    },
    grammar::QuestionForm,
};

/// The forms about existence.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "is_there",
        patterns: &[
            "$is there {a} [visible] [in $scene]",
            "(do|can) you see {a} [in $scene]",
            "$is {a} (visible|present|in view|in sight|there) [in $scene]",
        ],
        example: "Is there a mug?",
        answers: "Bool",
        doc: "whether an object with that name is visible; no is only said when something looked",
        write_cell: |w| {
            let text = sentence(&[
                Eval("if m.value > 0.0 { \"Yes, visible that fit \" } else { \"No, visible that fit \" }"),
                Say(&format!("\"{}\": ", w.name("a"))),
                Eval("`${m}`"),
                Say("."),
            ]);
            let submit = w.submit(Value::Bool("m.value > 0.0"), &text, "[m]");
            format!("let m = tools.Scene.count({});\n{submit}", literal(w.name("a")))
        },
    },
    QuestionForm {
        id: "what_is_there",
        patterns: &[
            "(what|which object) (do|can) you see [in $scene]",
            "(what|which) object $is (there|visible|in $scene) [in $scene]",
            "what $is (there|visible|in $scene) [in $scene]",
            "(list|name) [all] [visible] object [in $scene]",
        ],
        example: "What do you see?",
        answers: "List: names",
        doc: "every visible name",
        write_cell: |w| {
            let text = sentence(&[
                Say("Visible: "),
                Eval("if seen.len() == 0 { \"nothing that has a name\" } else { joined(seen) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::List("seen"), &text, "[]");
            format!("let seen = tools.Scene.labels();\n{submit}")
        },
    },
    QuestionForm {
        id: "fits_between",
        patterns: &["(does|do|will|would|could|can) {a} (fit|fits) [in] [gap|space] between {b} and {c}"],
        example: "Does the box fit between the mug and the bowl?",
        answers: "Bool",
        doc: "compares the shorter horizontal side with the gap between two surfaces",
        write_cell: |w| {
            let same = literal("the names mean one and the same object here; name three different objects");
            let text = sentence(&[
                Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
                Say("the gap is "),
                Eval("`${gap}`"),
                Say(&format!(" and the width of the visible part of {} is ", the(w.name("a")))),
                Eval("`${width}`"),
                Say("."),
            ]);
            let submit = w.submit(Value::Relation("r"), &text, "[gap, width]");
            format!(
                "{}let sides = tools.Scene.find_together([{}, {}]);\n\
                 if sides[0].id == sides[1].id || a.id == sides[0].id || a.id == sides[1].id {{ Refuse(\"AMBIGUOUS_REFERENT\", {same}); }}\n\
                 let gap = tools.Geometry.surface_distance(sides[0], sides[1]);\nlet width = tools.Geometry.width(a);\n\
                 let r = width.less_than(gap);\n{submit}",
                w.find("a", "a"),
                literal(w.name("b")),
                literal(w.name("c"))
            )
        },
    },
];
