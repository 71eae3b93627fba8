//! How far things are from each other and from the robot.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, literal, sentence, the,
    },
    grammar::QuestionForm,
    slots::Place,
};

/// The forms about distance.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "distance_between",
        patterns: &[
            "how far [away] $is {a} [away] from {b}",
            "how far [away] {a} $is [away] from {b}",
            "how far apart $is {a} and {b}",
            "how far apart {a} and {b} are",
            "how far $is {a} and {b} apart",
            "how far is it (from {a} to {b}|between {a} and {b})",
            "how close $is {a} to {b}",
            "$what distance (between {a} and {b}|from {a} to {b}|of {a} (from|to) {b})",
            "how many (m|cm|mm) $is {a} [away] from {b}",
            "how many (m|cm|mm) apart $is {a} and {b}",
            "how much (space|room|distance) $is [there] between {a} and {b}",
            "how (wide|big|large) $is (gap|space|distance) between {a} and {b}",
            "$what (gap|clearance|width of gap|size of gap) between {a} and {b}",
        ],
        example: "How far is the mug from the box?",
        answers: "Number, m",
        doc: "smallest distance between the visible surfaces of two objects",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("From {} to {}: ", the(w.name("a")), the(w.name("b")))),
                Eval("`${d}`"),
                Say(" between the nearest visible surfaces."),
            ]);
            let submit = w.submit(Value::Number("d"), &text, "[d]");
            format!("{}let d = tools.Geometry.surface_distance(a, b);\n{submit}", w.find_two())
        },
    },
    QuestionForm {
        id: "distance_between_two_alike",
        patterns: &[
            "how far apart $is [two] {a}",
            "how far apart $is [two] {a} from each other",
            "$what distance between [two] {a}",
        ],
        example: "How far apart are the two mugs?",
        answers: "Number, m",
        doc: "smallest distance between the visible surfaces of the only two objects with one name",
        write_cell: |w| {
            let name = w.name("a");
            let not_two = sentence(&[
                Say(&format!("\"{name}\" fits ")),
                Eval("`${found.len()}`"),
                Say(" visible objects, expected exactly 2; name both ends of the distance"),
            ]);
            let text = sentence(&[
                Say(&format!("The two that fit \"{name}\" are ")),
                Eval("`${d}`"),
                Say(" apart, between their nearest visible surfaces."),
            ]);
            let submit = w.submit(Value::Number("d"), &text, "[d]");
            format!(
                "let found = tools.Scene.find_all({});\nif found.len() != 2 {{ Refuse(\"AMBIGUOUS_REFERENT\", {not_two}); }}\n\
                 let d = tools.Geometry.surface_distance(found[0], found[1]);\n{submit}",
                literal(name)
            )
        },
    },
    QuestionForm {
        id: "distance_to_edge",
        patterns: &[
            "how far [away] $is {a} [away] from [closest] (edge|rim) of {b}",
            "how far [away] $is {a} [away] from {b} ['s] edge",
            "how far [away] {a} $is from (edge of {b}|{b} ['s] edge)",
            "how close $is {a} to [closest] (edge of {b}|{b} ['s] edge)",
            "$what distance (from|between|of) {a} (to|and|from) [closest] (edge of {b}|{b} ['s] edge)",
        ],
        example: "How far is the mug from the table edge?",
        answers: "Number, m",
        doc: "horizontal distance to the nearest visible edge of the surface beneath, negative where it overhangs",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("From {} to the nearest edge of {}: ", the(w.name("a")), the(w.name("b")))),
                Eval("`${d}`"),
                Say(" horizontally."),
            ]);
            let submit = w.submit(Value::Number("d"), &text, "[d]");
            format!("{}let d = tools.Geometry.distance_to_edge(a, b);\n{submit}", w.find_two())
        },
    },
    QuestionForm {
        id: "distance_from",
        patterns: &[
            "how far [away] $is {a} [away] [from {origin}]",
            "how far [away] {a} $is [from {origin}]",
            "how far [away] $is {origin} from {a}",
            "how close $is {a} to {origin}",
            "how close $is {origin} to {a}",
            "$what distance (to|of) {a} [from {origin}]",
            "$what distance (between {origin} and {a}|between {a} and {origin}|from {origin} to {a}|from {a} to {origin})",
        ],
        example: "How far is the mug from the camera?",
        answers: "Number, m",
        doc: "distance from the robot's origin (when nothing is named), the camera or a frame to the nearest visible point",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("From {} to the nearest visible point of {}: ", w.place_words(), the(w.name("a")))),
                Eval("`${d}`"),
                Say("."),
            ]);
            let submit = w.submit(Value::Number("d"), &text, "[d]");
            format!("{}{}let d = tools.Geometry.distance_from(viewer, a);\n{submit}", w.find("a", "a"), w.bind_viewer())
        },
    },
    QuestionForm {
        id: "distance_to_nearest",
        patterns: &[
            "how far [away] $is closest {a} [away] [from {place}]",
            "how far [away] $is closest {object:object=object} [away] [from {place}]",
            "$what distance to closest ({a}|{object:object=object}) [from {place}]",
        ],
        example: "How far is the nearest cup?",
        answers: "Number, m",
        doc: "smallest distance to any object with one name (or any object), from the robot when nothing is named",
        write_cell: |w| {
            let (found, what) = if w.name("object") == "object" {
                ("things()".to_owned(), "object".to_owned())
            } else {
                (format!("tools.Scene.find_all({})", literal(w.name("a"))), w.name("a").to_owned())
            };
            let skip = if matches!(w.place(), Place::Object(_)) { "object.id != viewer.id" } else { "true" };
            let measure = w.distance_from_viewer("object");
            let text = sentence(&[
                Say(&format!("From {} to the nearest {what} (", w.place_words())),
                Eval("nearest.label"),
                Say("): "),
                Eval("`${d}`"),
                Say("."),
            ]);
            let submit = w.submit(Value::Number("d"), &text, "[d]");
            let nothing = literal(&format!("no visible object fits \"{what}\""));
            format!(
                "{}let d = ();\nlet nearest = ();\nfor object in {found} {{\n    if {skip} {{\n        let m = {measure};\n        \
                 if d == () || m.value < d.value {{ d = m; nearest = object; }}\n    }}\n}}\n\
                 if d == () {{ Refuse(\"NOT_VISIBLE\", {nothing}); }}\n{submit}",
                w.bind_viewer()
            )
        },
    },
    QuestionForm {
        id: "within_distance",
        patterns: &[
            "$is {a} {than:in=less|(less|closer) than=less|more than=more|farther than=more|(farther|more) away than=more} {length} [away] [(of|from|to) {b}]",
            "$is {a} {than:closer=less|farther=more} (to|from) {b} than {length}",
            "$is distance (between {a} and {b}|from {a} to {b}) {than:(less|smaller|shorter) than=less|(more|greater|larger|longer) than=more} {length}",
        ],
        example: "Is the mug within 0.5 m of the box?",
        answers: "Bool",
        doc: "whether the distance between two surfaces stays under (or over) a length",
        write_cell: |w| write_within(w, false),
    },
    QuestionForm {
        id: "within_distance_of_origin",
        patterns: &[
            "$is {a} {than:in=less|(less|closer) than=less|more than=more|farther than=more|(farther|more) away than=more} {length} [away] [(of|from|to) {origin}]",
            "$is {a} {than:closer=less|farther=more} (to|from) {origin} than {length}",
        ],
        example: "Is the mug less than 1 m from the robot?",
        answers: "Bool",
        doc: "whether the distance from the robot, the camera or a frame stays under (or over) a length",
        write_cell: |w| write_within(w, true),
    },
];

fn write_within(w: &CellWriter<'_>, from_origin: bool) -> String {
    let length_m = w.slots.length_m.unwrap_or(0.0);
    let is_less = w.name("than") == "less";
    let (measure, other) = if from_origin || w.name("b").is_empty() {
        let measure =
            format!("{}{}let d = tools.Geometry.distance_from(viewer, a);\n", w.find("a", "a"), w.bind_viewer());
        (measure, w.place_words())
    } else {
        (format!("{}let d = tools.Geometry.surface_distance(a, b);\n", w.find_two()), the(w.name("b")))
    };
    let compare = if is_less { "less_than" } else { "greater_than" };
    let text = sentence(&[
        Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
        Say(&format!("from {} to {} it is ", the(w.name("a")), other)),
        Eval("`${d}`"),
        Say(&format!("; asked for {} than {length_m} m.", if is_less { "less" } else { "more" })),
    ]);
    let submit = w.submit(Value::Relation("r"), &text, "[r]");
    format!("{measure}let r = d.{compare}({length_m:?});\n{submit}")
}
