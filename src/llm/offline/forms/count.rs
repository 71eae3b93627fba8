//! How many there are.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, literal, sentence, the,
    },
    forms::support::contents_of,
    grammar::QuestionForm,
};

/// The forms about counting.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "count_objects",
        patterns: &[
            "how many object [$is there|do you see|can you see|$is visible|$is in $scene] [in $scene]",
            "(count|$what number of) [all] object [in $scene]",
        ],
        example: "How many objects are there?",
        answers: "Number, 1",
        doc: "visible objects, without floor, walls and the furniture that carries them",
        write_cell: |w| {
            let text = sentence(&[
                Say("Visible, not counting room surfaces and furniture: "),
                Eval("if n == 0 { \"0\" } else { `${n} (${names(found)})` }"),
                Say("."),
            ]);
            let submit = w.submit(Value::Count("n"), &text, "found");
            format!("let found = things();\nlet n = found.len();\n{submit}")
        },
    },
    QuestionForm {
        id: "count_of",
        patterns: &[
            "how many {a} ($is there|do you see|can you see|$is visible|$is in $scene) [in $scene]",
            "(count|$what number of) {a} [in $scene]",
        ],
        example: "How many cups are there?",
        answers: "Number, 1",
        doc: "visible objects with one name",
        write_cell: |w| {
            let text = sentence(&[Eval("`${m}`"), Say(&format!(" visible that fit \"{}\".", w.name("a")))]);
            let submit = if w.brief.choices.is_empty() {
                w.submit(Value::Number("m"), &text, "[m]")
            } else {
                w.submit(Value::Count("n"), &text, "[m]")
            };
            format!("let m = tools.Scene.count({});\nlet n = m.value.to_int();\n{submit}", literal(w.name("a")))
        },
    },
    QuestionForm {
        id: "count_on",
        patterns: &[
            "how many object $is [there] [standing|lying|resting] on [top of] {b} [stacked ones included|including stacked ones|in total]",
            "how many object (stand|lie|rest) on [top of] {b}",
            "how many object does {b} (carry|support)",
        ],
        example: "How many objects are on the table (stacked ones included)?",
        answers: "Number, 1",
        doc: "objects that rest on it, directly or stacked",
        write_cell: |w| write_count_on(w, "stacked_on", "Resting, directly or stacked, on"),
    },
    QuestionForm {
        id: "count_directly_on",
        patterns: &[
            "how many object [$is] [standing|lying|resting|stand|lie|rest] directly on [top of|surface of] {b} [surface]",
            "how many object [$is] [standing|lying|resting|stand|lie|rest] on [top of|surface of] {b} [surface] directly",
        ],
        example: "How many objects stand directly on the table surface?",
        answers: "Number, 1",
        doc: "objects that touch it from above",
        write_cell: |w| write_count_on(w, "resting_on", "Resting directly on"),
    },
    QuestionForm {
        id: "count_in",
        patterns: &["how many object $is [there] [lying|contained] in {b}", "how many object does {b} contain"],
        example: "How many objects are in the bowl?",
        answers: "Number, 1",
        doc: "objects that lie inside a container",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("In {}: ", the(w.name("b")))),
                Eval("if n == 0 { \"0\" } else { `${n} (${names(contents)})` }"),
                Say("."),
            ]);
            let submit = w.submit(Value::Count("n"), &text, "contents + [b]");
            format!("{}let n = contents.len();\n{submit}", contents_of(w))
        },
    },
    QuestionForm {
        id: "is_anything_on",
        patterns: &[
            "$is there (anything|something|object) on [top of] {b}",
            "$is (anything|something) [standing|lying] on [top of] {b}",
        ],
        example: "Is there anything on the table?",
        answers: "Bool",
        doc: "whether any object rests on it",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("On {}: ", the(w.name("b")))),
                Eval("if carried.len() == 0 { \"nothing\" } else { names(carried) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::Bool("carried.len() > 0"), &text, "carried + [b]");
            format!("{}let carried = tools.Geometry.stacked_on(b, tools.Scene.objects());\n{submit}", w.find("b", "b"))
        },
    },
    QuestionForm {
        id: "is_empty",
        patterns: &["$is {b} empty"],
        example: "Is the bowl empty?",
        answers: "Bool",
        doc: "whether nothing rests on it and nothing lies in it",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("On or in {}: ", the(w.name("b")))),
                Eval("if contents.len() == 0 { \"nothing\" } else { names(contents) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::Bool("contents.len() == 0"), &text, "contents + [b]");
            format!(
                "{}if contents.len() == 0 {{ contents = tools.Geometry.stacked_on(b, tools.Scene.objects()); }}\n{submit}",
                contents_of(w)
            )
        },
    },
    QuestionForm {
        id: "count_of_on",
        patterns: &[
            "how many {a} $is [there] [standing|lying|resting] on [top of] {b}",
            "how many {a} (stand|lie|rest) on [top of] {b}",
        ],
        example: "How many cups are on the table?",
        answers: "Number, 1",
        doc: "objects with one name that rest on it, directly or stacked",
        write_cell: |w| write_count_of_on(w, Value::Count("n")),
    },
    QuestionForm {
        id: "is_there_on",
        patterns: &["$is there {a} [standing|lying|resting] on [top of] {b}", "(do|can) you see {a} on [top of] {b}"],
        example: "Is there a cup on the table?",
        answers: "Bool",
        doc: "whether an object with that name rests on it, directly or stacked",
        write_cell: |w| write_count_of_on(w, Value::Bool("n > 0")),
    },
];

fn write_count_of_on(w: &CellWriter<'_>, value: Value<'_>) -> String {
    let text = sentence(&[
        Eval("`${n}`"),
        Say(&format!(" that fit \"{}\" rest on {}, directly or stacked.", w.name("a"), the(w.name("b")))),
    ]);
    let submit = w.submit(value, &text, "kept + [b]");
    format!(
        "{}let kept = [];\nif tools.Scene.count({name}).value > 0.0 {{\n    \
         let wanted = tools.Scene.find_all({name}).map(|object| object.id);\n    \
         for object in tools.Geometry.stacked_on(b, tools.Scene.objects()) {{\n        \
         if object.id in wanted {{ kept.push(object); }}\n    }}\n}}\nlet n = kept.len();\n{submit}",
        w.find("b", "b"),
        name = literal(w.name("a"))
    )
}

fn write_count_on(w: &CellWriter<'_>, tool: &str, words: &str) -> String {
    let text = sentence(&[
        Say(&format!("{words} {}: ", the(w.name("b")))),
        Eval("if n == 0 { \"0\" } else { `${n} (${names(carried)})` }"),
        Say("."),
    ]);
    let submit = w.submit(Value::Count("n"), &text, "carried + [b]");
    format!(
        "{}let carried = tools.Geometry.{tool}(b, tools.Scene.objects());\nlet n = carried.len();\n{submit}",
        w.find("b", "b")
    )
}
