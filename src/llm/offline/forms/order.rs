//! Which is nearest, tallest, leftmost: comparisons and orders.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, literal, sentence, sort_and_require_a_clear_first, the,
    },
    grammar::QuestionForm,
    slots::Place,
};

/// The forms about comparison and order.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "which_is_nearer",
        patterns: &[
            "(which [one]|which object|what|who) $is {than:(closer|closest)=less|(farther|farthest)=more} [away] [(to|from) {place}] {list}",
            "$is {list} {than:closer=less|farther=more} [away] [(to|from) {place}]",
            "(which|what) of {list} $is {than:(closer|closest)=less|(farther|farthest)=more} [away] [(to|from) {place}]",
        ],
        example: "Which is nearer to the camera, object 2 or object 3?",
        answers: "Choice: an object's name",
        doc: "the object with the smallest (or largest) distance from the robot (when nothing is named), camera, frame or object",
        write_cell: |w| {
            let names: Vec<String> = w.slots.list.iter().map(|name| literal(name)).collect();
            let found = format!("let found = tools.Scene.find_together([{}]);\n", names.join(", "));
            write_nearest(w, &found, w.name("than") == "more")
        },
    },
    QuestionForm {
        id: "is_nearer",
        patterns: &[
            "$is {a} {than:closer=less|farther=more} [away] (to|from) {place} than {b}",
            "$is {a} {than:closer=less|farther=more} [away] than {b} [(to|from) {place}]",
        ],
        example: "Is the mug nearer to the robot than the box?",
        answers: "Bool",
        doc: "compares two distances from the robot (when nothing is named), camera, frame or object",
        write_cell: |w| {
            let compare = if w.name("than") == "more" { "da.greater_than(db)" } else { "da.less_than(db)" };
            let text = sentence(&[
                Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
                Say(&format!("from {} it is ", w.place_words())),
                Eval("`${da}`"),
                Say(&format!(" to {} and ", the(w.name("a")))),
                Eval("`${db}`"),
                Say(&format!(" to {}.", the(w.name("b")))),
            ]);
            write_comparison(
                w,
                &format!(
                    "{}let da = {};\nlet db = {};\n",
                    w.bind_viewer(),
                    w.distance_from_viewer("a"),
                    w.distance_from_viewer("b")
                ),
                compare,
                &text,
            )
        },
    },
    QuestionForm {
        id: "nearest_of_class",
        patterns: &[
            "which {a} $is {than:(closest|closer)=less|(farthest|farther)=more} [away] [(to|from) {place}]",
            "$what {than:closest=less|farthest=more} {a} [(to|from) {place}]",
        ],
        example: "Which cup is nearest to the robot?",
        answers: "Choice: an object's name",
        doc: "among the objects with one name",
        write_cell: |w| {
            let found = format!("let found = tools.Scene.find_all({});\n", literal(w.name("a")));
            write_nearest(w, &found, w.name("than") == "more")
        },
    },
    QuestionForm {
        id: "nearest_object",
        patterns: &[
            "(what|which) [object] $is {than:(closest|closer)=less|(farthest|farther)=more} [away] [(to|from) {place}]",
            "$what {than:closest=less|farthest=more} object [(to|from) {place}]",
            "(what|which object) $is {than:closest=less|farthest=more} object [(to|from) {place}]",
        ],
        example: "Which object is nearest to the mug?",
        answers: "Choice: an object's name",
        doc: "among all visible objects, without room surfaces and the furniture that carries them",
        write_cell: |w| {
            // What an object stands on touches it; asked for the nearest object, nobody means that.
            let skip = "found = found.filter(|object| object.id != viewer.id && !tools.Geometry.on_top_of(viewer, object).holds);\n";
            let skip = if matches!(w.place(), Place::Object(_)) { skip } else { "" };
            write_nearest(w, &format!("let found = things();\n{skip}"), w.name("than") == "more")
        },
    },
    QuestionForm {
        id: "order_named",
        patterns: &[
            "(order|sort|arrange|rank|list) {list} $direction $view",
            "what is [$direction_from] order of {list} $direction $view",
        ],
        example: "Order the mug, the box and the bowl from left to right.",
        answers: "List: names",
        doc: "left to right, right to left, nearest to farthest or farthest to nearest, for a viewer (the robot when none is named)",
        write_cell: |w| {
            let names: Vec<String> = w.slots.list.iter().map(|name| literal(name)).collect();
            write_order(w, &format!("let found = tools.Scene.find_together([{}]);\n", names.join(", ")))
        },
    },
    QuestionForm {
        id: "order_objects",
        patterns: &[
            "(order|sort|arrange|rank|list) [all] object $direction $view",
            "what is [$direction_from] order of object $direction $view",
        ],
        example: "Order the objects from left to right.",
        answers: "List: names",
        doc: "all visible objects, without room surfaces and the furniture that carries them",
        write_cell: |w| write_order(w, "let found = things();\n"),
    },
    QuestionForm {
        id: "is_taller",
        patterns: &[
            "$is {a} {than:(taller|higher)=taller|(shorter|lower)=shorter|wider=wider|narrower=narrower|longer=longer} than {b}",
        ],
        example: "Is the mug taller than the box?",
        answers: "Bool",
        doc: "compares height (taller, shorter), width (wider, narrower) or length (longer) of the visible parts",
        write_cell: |w| {
            let (tool, is_more) = extent_of(w.name("than"));
            let compare = if is_more { "da.greater_than(db)" } else { "da.less_than(db)" };
            let text = sentence(&[
                Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
                Say(&format!("the {tool} of {} is ", the(w.name("a")))),
                Eval("`${da}`"),
                Say(&format!(", that of {} is ", the(w.name("b")))),
                Eval("`${db}`"),
                Say(" (visible parts)."),
            ]);
            let measure = format!("let da = tools.Geometry.{tool}(a);\nlet db = tools.Geometry.{tool}(b);\n");
            write_comparison(w, &measure, compare, &text)
        },
    },
    QuestionForm {
        id: "which_is_taller",
        patterns: &[
            "(which [one]|which object|what) $is {than:(taller|tallest|higher|highest)=taller|(shorter|shortest|lower|lowest)=shorter|(wider|widest)=wider|(narrower|narrowest)=narrower|(longer|longest)=longer} {list}",
            "$is {list} {than:taller=taller|shorter=shorter|wider=wider|narrower=narrower|longer=longer}",
        ],
        example: "Which is taller, the mug or the box?",
        answers: "Choice: an object's name",
        doc: "compares height, width or length of the visible parts",
        write_cell: |w| {
            let names: Vec<String> = w.slots.list.iter().map(|name| literal(name)).collect();
            write_extreme_extent(w, &format!("let found = tools.Scene.find_together([{}]);\n", names.join(", ")))
        },
    },
    QuestionForm {
        id: "tallest_object",
        patterns: &[
            "(what|which) [object] $is {than:(tallest|highest)=taller|shortest=shorter|widest=wider|narrowest=narrower|longest=longer} [object]",
            "$what {than:(tallest|highest)=taller|shortest=shorter|widest=wider|narrowest=narrower|longest=longer} object",
        ],
        example: "What is the tallest object?",
        answers: "Choice: an object's name",
        doc: "among all visible objects, without room surfaces and the furniture that carries them",
        write_cell: |w| write_extreme_extent(w, "let found = things();\n"),
    },
    QuestionForm {
        id: "reaches_highest",
        patterns: &[
            "(which object|what|which) (reaches|is reaching|extends|goes) highest [above {b}]",
            "(which object|what|which) on {b} (reaches|extends|goes) highest",
            "(which object|what|which) (sticks|rises|towers) (up|out) (highest|farthest|most) [above {b}]",
        ],
        example: "Which object reaches highest above the table?",
        answers: "Choice: an object's name",
        doc: "the largest height of the top above a surface (the floor when none is named), among the objects on it",
        write_cell: |w| {
            let is_floor = w.name("b").is_empty() || ["floor", "ground"].contains(&w.name("b").to_lowercase().as_str());
            let (find, reference) = if is_floor {
                ("let found = things();\n".to_owned(), literal("floor"))
            } else {
                let find = w.find("b", "b");
                (format!("{find}let found = tools.Geometry.stacked_on(b, tools.Scene.objects());\n"), "b".to_owned())
            };
            let text = sentence(&[
                Eval("rows[0].object.label"),
                Say(" reaches highest: "),
                Eval("`${rows[0].m}`"),
                Say(&format!(" above {}.", if is_floor { "the floor".to_owned() } else { the(w.name("b")) })),
            ]);
            write_extreme(
                w,
                &find,
                &format!("tools.Geometry.height_above(object, {reference}, \"top\")"),
                true,
                "height",
                &text,
            )
        },
    },
];

fn extent_of(comparative: &str) -> (&'static str, bool) {
    match comparative {
        "taller" => ("height", true),
        "shorter" => ("height", false),
        "wider" => ("width", true),
        "narrower" => ("width", false),
        _ => ("length", true),
    }
}

fn write_comparison(w: &CellWriter<'_>, measure: &str, compare: &str, text: &str) -> String {
    let submit = w.submit(Value::Relation("r"), text, "[da, db]");
    format!("{}{measure}let r = {compare};\n{submit}", w.find_two())
}

fn write_nearest(w: &CellWriter<'_>, find: &str, is_farthest: bool) -> String {
    let text = sentence(&[
        Eval("rows[0].object.label"),
        Say(&format!(" is {} to {}: ", if is_farthest { "farthest" } else { "nearest" }, w.place_words())),
        Eval("`${rows[0].m}`"),
        Say("."),
    ]);
    let measure = w.distance_from_viewer("object");
    write_extreme(w, &format!("{}{find}", w.bind_viewer()), &measure, is_farthest, "distance", &text)
}

fn write_extreme_extent(w: &CellWriter<'_>, find: &str) -> String {
    let (tool, is_more) = extent_of(w.name("than"));
    let text = sentence(&[
        Eval("rows[0].object.label"),
        Say(&format!(" has the {} {tool}: ", if is_more { "largest" } else { "smallest" })),
        Eval("`${rows[0].m}`"),
        Say(" (visible part)."),
    ]);
    write_extreme(w, find, &format!("tools.Geometry.{tool}(object)"), is_more, tool, &text)
}

/// Measures every object in `found`, and submits the one with the largest or smallest value when it is clear.
fn write_extreme(w: &CellWriter<'_>, find: &str, measure: &str, largest_first: bool, what: &str, text: &str) -> String {
    let nothing = literal("there is no visible object to choose from");
    let submit = w.submit(Value::Name("rows[0].object.label"), text, "rows.map(|row| row.m)");
    format!(
        "{find}if found.len() == 0 {{ Refuse(\"NOT_VISIBLE\", {nothing}); }}\nlet rows = [];\nfor object in found {{\n    \
         rows.push(#{{object: object, m: {measure}}});\n}}\n{}{submit}",
        sort_and_require_a_clear_first(largest_first, what)
    )
}

fn write_order(w: &CellWriter<'_>, find: &str) -> String {
    let direction = w.name("direction");
    let sort = match direction {
        "right_to_left" => {
            "let ordered = tools.Geometry.order_left_to_right(found, viewer);\nordered.reverse();\n".to_owned()
        }
        "near_to_far" | "far_to_near" => {
            let before = if direction == "near_to_far" { "<" } else { ">" };
            format!(
                "let rows = [];\nfor object in found {{\n    rows.push(#{{object: object, m: {}}});\n}}\n\
                 rows.sort(|p, q| if p.m.value {before} q.m.value {{ -1 }} else {{ 1 }});\n\
                 for i in 1..rows.len() {{\n    let lead = (rows[i].m - rows[i - 1].m).abs();\n    \
                 if lead.value < 2.0 * lead.sigma {{\n        Refuse(\"NOT_MEASURABLE\", \
                 `too close to call: ${{rows[i - 1].object.label}} at ${{rows[i - 1].m}} and ${{rows[i].object.label}} at ${{rows[i].m}}`);\n    \
                 }}\n}}\nlet ordered = rows.map(|row| row.object);\n",
                w.distance_from_viewer("object")
            )
        }
        _ => "let ordered = tools.Geometry.order_left_to_right(found, viewer);\n".to_owned(),
    };
    let words = direction.replace('_', " ");
    let text = sentence(&[Say(&format!("Seen from {}, {words}: ", w.place_words())), Eval("names(ordered)"), Say(".")]);
    let submit = w.submit(Value::List("ordered"), &text, "ordered");
    format!("{}{find}{sort}{submit}", w.bind_viewer())
}
