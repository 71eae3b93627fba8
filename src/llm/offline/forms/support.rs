//! What rests on, in and under what.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, clear_or_refuse, sentence, the,
    },
    grammar::QuestionForm,
};

/// The forms about support and containment.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "is_on",
        patterns: &[
            "$is {a} [standing|lying|sitting|resting|placed] on [top of] {b}",
            "does {a} (stand|lie|sit|rest) on [top of] {b}",
        ],
        example: "Is the mug on the table?",
        answers: "Bool",
        doc: "whether it rests on the other, directly or on something that does",
        write_cell: |w| {
            let because = sentence(&[
                Eval(
                    "if r.holds { \"Yes: \" } else if stacked { \"Yes, not directly but stacked: \" } else { \"No: \" }",
                ),
                Say(&format!("{} ", the(w.name("a")))),
                Eval("if r.holds || stacked { \"rests on \" } else { \"does not rest on \" }"),
                Say(&the(w.name("b"))),
                Eval("if stacked { \".\" } else { ` (${r.basis}, margin ${r.margin}).` }"),
            ]);
            let submit = w.submit(Value::Bool("r.holds || stacked"), &because, "[r]");
            format!(
                "{}let r = tools.Geometry.on_top_of(a, b);\nlet stacked = false;\nif !r.holds {{\n    \
                 for object in tools.Geometry.stacked_on(b, tools.Scene.objects()) {{\n        \
                 if object.id == a.id {{ stacked = true; }}\n    }}\n}}\nif !stacked {{ {} }}\n{submit}",
                w.find_two(),
                clear_or_refuse("r").trim_end()
            )
        },
    },
    QuestionForm {
        id: "is_in",
        patterns: &["$is {a} [contained|standing|lying|placed] in {b}"],
        example: "Is the spoon in the bowl?",
        answers: "Bool",
        doc: "whether it lies inside a container",
        write_cell: |w| write_relation(w, "inside(a, b)", "inside"),
    },
    QuestionForm {
        id: "is_under",
        patterns: &["$is {a} [standing|lying] (under|below) {b}"],
        example: "Is the ball under the table?",
        answers: "Bool",
        doc: "whether it lies below the other, touching or not",
        write_cell: |w| write_relation(w, "under(a, b)", "under"),
    },
    QuestionForm {
        id: "is_above",
        patterns: &["$is {a} [hanging] (above|over) {b}"],
        example: "Is the lamp above the table?",
        answers: "Bool",
        doc: "whether the other lies below it, touching or not",
        write_cell: |w| write_relation(w, "under(b, a)", "above"),
    },
    QuestionForm {
        id: "support_of",
        patterns: &[
            "(what|which object) $is {a} [standing|lying|sitting|resting|placed] on [top of]",
            "on (what|which object) $is {a} [standing|lying|sitting|resting|placed]",
            "(what|which object) does {a} (stand|lie|sit|rest) on",
            "(what|which object) $is (directly|immediately|) (under|below) {a}",
            "(what|which object) (supports|carries|is supporting|is carrying) {a}",
        ],
        example: "Which object is directly under object 3?",
        answers: "Choice: an object's name",
        doc: "the object on which it rests",
        write_cell: |w| {
            let text = sentence(&[Say(&format!("{} rests on ", the(w.name("a")))), Eval("support.label"), Say(".")]);
            let submit = w.submit(Value::Name("support.label"), &text, "[a, support]");
            format!(
                "{}let candidates = tools.Scene.objects();\nfor name in [\"floor\", \"ground\"] {{\n    \
                 if name in tools.Scene.labels() {{ candidates.push(tools.Scene.find(name)); }}\n}}\n\
                 let support = tools.Geometry.support_of(a, candidates);\n{submit}",
                w.find("a", "a")
            )
        },
    },
    QuestionForm {
        id: "what_is_on",
        patterns: &[
            "(what|which object) $is [there] [standing|lying|sitting|resting|placed] on [top of] {b}",
            "(what|which object) (stand|stands|lie|lies|sit|sits|rest|rests) on [top of] {b}",
            "(list|name) [all] [of] object on [top of] {b}",
        ],
        example: "What is on the table?",
        answers: "List: names",
        doc: "everything that rests on it, directly or stacked",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("On {}: ", the(w.name("b")))),
                Eval("if carried.len() == 0 { \"nothing\" } else { names(carried) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::List("carried"), &text, "carried + [b]");
            format!("{}let carried = tools.Geometry.stacked_on(b, tools.Scene.objects());\n{submit}", w.find("b", "b"))
        },
    },
    QuestionForm {
        id: "what_is_in",
        patterns: &["(what|which object) $is [there] [lying|contained] in {b}", "what does {b} contain"],
        example: "What is in the bowl?",
        answers: "List: names",
        doc: "everything that lies inside a container",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("In {}: ", the(w.name("b")))),
                Eval("if contents.len() == 0 { \"nothing\" } else { names(contents) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::List("contents"), &text, "contents + [b]");
            format!("{}{submit}", contents_of(w))
        },
    },
];

fn write_relation(w: &CellWriter<'_>, call: &str, words: &str) -> String {
    let text = sentence(&[
        Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
        Say(&format!("{} is ", the(w.name("a")))),
        Eval("if r.holds { \"\" } else { \"not \" }"),
        Say(&format!("{words} {} (", the(w.name("b")))),
        Eval("r.basis"),
        Say(", margin "),
        Eval("`${r.margin}`"),
        Say(")."),
    ]);
    format!("{}let r = tools.Geometry.{call};\n{}", w.find_two(), w.submit(Value::Relation("r"), &text, "[r]"))
}

/// Collects what lies in `b` as `contents`; refuses when one thing is too close to call.
pub(super) fn contents_of(w: &CellWriter<'_>) -> String {
    format!(
        "{}let contents = [];\nfor object in tools.Scene.objects() {{\n    if object.id != b.id {{\n        \
         let r = tools.Geometry.inside(object, b);\n        {}        \
         if r.holds {{ contents.push(object); }}\n    }}\n}}\n",
        w.find("b", "b"),
        clear_or_refuse("r")
    )
}
