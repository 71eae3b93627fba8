//! How large and how high things are.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, literal, sentence, the,
    },
    grammar::QuestionForm,
};

/// The forms about size and height.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "height",
        patterns: &["how (tall|high) $is {a}", "how (tall|high) {a} $is", "$what height of {a}", "$what {a} 's height"],
        example: "How tall is the mug?",
        answers: "Number, m",
        doc: "vertical extent of the visible points",
        write_cell: |w| write_extent(w, "height", "tall"),
    },
    QuestionForm {
        id: "width",
        patterns: &["how (wide|thick|broad) $is {a}", "how wide {a} $is", "$what width of {a}", "$what {a} 's width"],
        example: "How wide is the box?",
        answers: "Number, m",
        doc: "shorter horizontal side of the smallest upright box around the visible points",
        write_cell: |w| write_extent(w, "width", "wide"),
    },
    QuestionForm {
        id: "length",
        patterns: &["how long $is {a}", "how long {a} $is", "$what length of {a}", "$what {a} 's length"],
        example: "How long is the box?",
        answers: "Number, m",
        doc: "longer horizontal side of the smallest upright box around the visible points",
        write_cell: |w| write_extent(w, "length", "long"),
    },
    QuestionForm {
        id: "size",
        patterns: &[
            "how (big|large|small) $is {a}",
            "how (big|large) {a} $is",
            "$what (size|dimensions|extent|extents|measurements) of {a}",
            "$what {a} 's (size|dimensions|extents)",
        ],
        example: "What is the size of the box?",
        answers: "List: length, width, height, m",
        doc: "sides of the smallest upright box around the visible points",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("{}: length ", the(w.name("a")))),
                Eval("`${l}`"),
                Say(", width "),
                Eval("`${b}`"),
                Say(", height "),
                Eval("`${h}`"),
                Say(" (visible part)."),
            ]);
            let submit = w.submit(Value::List("[l, b, h]"), &text, "[l, b, h]");
            format!(
                "{}let l = tools.Geometry.length(a);\nlet b = tools.Geometry.width(a);\nlet h = tools.Geometry.height(a);\n{submit}",
                w.find("a", "a")
            )
        },
    },
    QuestionForm {
        id: "height_above_floor",
        patterns: &[
            "how (high|far) [up] $is $part {a} (above|off|from|over) (floor|ground)",
            "how (high|far) [up] (above|off|from|over) (floor|ground) $is $part {a}",
            "how high up $is $part {a}",
            "how far [away] $is $part {a} from (floor|ground)",
            "$what distance (from $part {a} to|between $part {a} and) (floor|ground)",
            "at (which|what) height [(above|off) (floor|ground)] $is $part {a}",
            "$what height of $part {a} (above|off|from|over) (floor|ground)",
            "$what elevation of $part {a}",
        ],
        example: "How high is the top of the mug above the floor?",
        answers: "Number, m",
        doc: "height of the lowest (or, when asked, highest) part above the floor",
        write_cell: |w| write_height_above(w, true),
    },
    QuestionForm {
        id: "height_above",
        patterns: &[
            "how (high|far) [up] $is $part {a} (above|over) {b}",
            "how (high|far) [up] (above|over) {b} $is $part {a}",
            "at (which|what) height (above|over) {b} $is $part {a}",
            "$what height of $part {a} (above|over) {b}",
        ],
        example: "How high is the lamp above the table?",
        answers: "Number, m",
        doc: "height of the lowest (or, when asked, highest) part above the top surface of another object",
        write_cell: |w| write_height_above(w, false),
    },
];

fn write_extent(w: &CellWriter<'_>, measure: &str, adjective: &str) -> String {
    let text = sentence(&[
        Say(&format!("{} is ", the(w.name("a")))),
        Eval("`${m}`"),
        Say(&format!(" {adjective} (visible part).")),
    ]);
    let submit = w.submit(Value::Number("m"), &text, "[m]");
    format!("{}let m = tools.Geometry.{measure}(a);\n{submit}", w.find("a", "a"))
}

fn write_height_above(w: &CellWriter<'_>, above_floor: bool) -> String {
    let part = if w.name("part") == "top" { "top" } else { "bottom" };
    let (find, reference, reference_words) = if above_floor {
        (w.find("a", "a"), literal("floor"), "the floor".to_owned())
    } else {
        (w.find_two(), "b".to_owned(), format!("the surface of {}", the(w.name("b"))))
    };
    let text = sentence(&[
        Say(&format!("The {part} of {} is ", the(w.name("a")))),
        Eval("`${m}`"),
        Say(&format!(" above {reference_words}.")),
    ]);
    let submit = w.submit(Value::Number("m"), &text, "[m]");
    format!("{find}let m = tools.Geometry.height_above(a, {reference}, {});\n{submit}", literal(part))
}
