//! Whether and how far things moved.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, literal, sentence, the,
    },
    grammar::QuestionForm,
};

/// The forms about motion.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "has_moved",
        patterns: &[
            "(did|has|have) {a} (move|moved|been moved) $lately",
            "was {a} moved $lately",
            "$is {a} moving $lately",
            "did anyone move {a} $lately",
        ],
        example: "Did the box move in the last 5 seconds?",
        answers: "Bool",
        doc: "compares the newest image with one from the start of the window; a changed viewpoint is not motion",
        write_cell: |w| {
            let text = sentence(&[
                Eval("if change.moved { \"Yes: \" } else { \"No: \" }"),
                Say(&format!("{} moved by ", the(w.name("a")))),
                Eval("`${change.distance}`"),
                Say(" in "),
                Eval("`${window_secs}`"),
                Say(" s."),
            ]);
            let submit = w.submit(Value::Moved("change"), &text, "[change]");
            format!("{}{submit}", write_change(w))
        },
    },
    QuestionForm {
        id: "how_far_moved",
        patterns: &[
            "how (far|much) (did|has|have) {a} (move|moved|been moved) $lately",
            "how far was {a} moved $lately",
            "$what displacement of {a} $lately",
        ],
        example: "How far did the box move in the last 5 seconds?",
        answers: "Number, m",
        doc: "length of the displacement between the start of the window and the newest image",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("{} moved by ", the(w.name("a")))),
                Eval("`${change.distance}`"),
                Say(" in "),
                Eval("`${window_secs}`"),
                Say(" s."),
            ]);
            let submit = w.submit(Value::Number("change.distance"), &text, "[change]");
            format!("{}{submit}", write_change(w))
        },
    },
];

fn write_change(w: &CellWriter<'_>) -> String {
    let name = literal(w.name("a"));
    // Without a span in the question, all that the question can see is the window.
    let window = match w.slots.secs {
        Some(secs) => format!("let window_secs = {secs:?};\n"),
        None => "let window_secs = Metadata.window_secs;\n".to_owned(),
    };
    let too_short = literal(
        "only one moment is buffered, so nothing can be said about change; ask about the last seconds (time mode LAST)",
    );
    format!(
        "{window}if window_secs <= 0.0 {{ Refuse(\"NOT_BUFFERED\", {too_short}); }}\n\
         let earlier = tools.Scene.find_at({name}, window_secs);\nlet later = tools.Scene.find_at({name}, 0.0);\n\
         let change = tools.Geometry.displacement(earlier, later);\n"
    )
}
