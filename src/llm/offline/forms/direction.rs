//! Where things lie: bearings, sides and places.

use crate::llm::offline::{
    cell_writer::{
        CellWriter,
        Piece::{Eval, Say},
        Value, clear_or_refuse, literal, sentence, the,
    },
    grammar::QuestionForm,
};

/// The forms about direction.
pub const FORMS: &[QuestionForm] = &[
    QuestionForm {
        id: "bearing",
        patterns: &[
            "$what (bearing|direction|heading|azimuth) (of|to) {a} [(from|relative to|in) {body}]",
            "$what {a} 's (bearing|direction) [(from|relative to|in) {body}]",
            "[in] (which|what) direction $is {a} [in] [(from|relative to) {body}]",
            "at (which|what) (angle|bearing) $is {a} [(from|relative to|to) {body}]",
            "where $is {a} (relative to|with respect to|in relation to|from|seen from|as seen from) {body}",
        ],
        example: "What is the bearing of the mug?",
        answers: "Number, rad",
        doc: "angle from the robot's (or a frame's) forward axis, positive to the left (REP-103); the text adds the distance",
        write_cell: |w| {
            let frame = w.body_frame();
            let text = sentence(&[
                Say(&format!("Seen from {} ", w.place_words())),
                Say(&format!("{} is at ", the(w.name("a")))),
                Eval("`${m}`"),
                Eval("if m.value >= 0.0 { \" (left of straight ahead), \" } else { \" (right of straight ahead), \" }"),
                Eval("`${d}`"),
                Say(" away."),
            ]);
            let submit = w.submit(Value::Number("m"), &text, "[m, d]");
            format!(
                "{}let m = tools.Geometry.bearing(a, {frame});\nlet d = tools.Geometry.distance_from({frame}, a);\n{submit}",
                w.find("a", "a")
            )
        },
    },
    QuestionForm {
        id: "position",
        patterns: &[
            "where $is {a} [located|now]",
            "$what (position|location|coordinates|place|pose) of {a}",
            "$what {a} 's (position|location|coordinates)",
            "locate {a}",
        ],
        example: "Where is the mug?",
        answers: "Point, m",
        doc: "centre of the visible points in the goal's target frame",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("{} is at ", the(w.name("a")))),
                Eval("`(${p[0]}, ${p[1]}, ${p[2]}) m`"),
                Say(" in frame "),
                Eval("Metadata.target_frame"),
                Say("."),
            ]);
            let submit = w.submit(Value::Point("a"), &text, "[a]");
            format!("{}let p = placed(a);\n{submit}", w.find("a", "a"))
        },
    },
    QuestionForm {
        id: "side_of",
        patterns: &["$is {a} $side {b} $view", "$seen $is {a} $side {b}"],
        example: "Is the mug to the left of the box, seen from the robot?",
        answers: "Bool",
        doc: "left, right, in front or behind for a viewer (the robot when none is named) who looks at the second object",
        write_cell: |w| {
            let side = w.name("side");
            let text = sentence(&[
                Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
                Say(&format!("seen from {}, {} is ", w.place_words(), the(w.name("a")))),
                Eval("if r.holds { \"\" } else { \"not \" }"),
                Say(&format!("{} {} (margin ", side_words(side), the(w.name("b")))),
                Eval("`${r.margin}`"),
                Say(")."),
            ]);
            let submit = w.submit(Value::Relation("r"), &text, "[r]");
            format!(
                "{}{}let r = tools.Geometry.side_of(a, {}, b, viewer);\n{submit}",
                w.find_two(),
                w.bind_viewer(),
                literal(side)
            )
        },
    },
    QuestionForm {
        id: "what_is_on_side",
        patterns: &[
            "(what|which object) $is [there] $side {b} $view",
            "(list|name) object $side {b} $view",
            "$seen (what|which object) $is $side {b}",
        ],
        example: "What is to the left of the box?",
        answers: "List: names",
        doc: "every object that clearly lies there, for a viewer (the robot when none is named); the text names those too close to call",
        write_cell: |w| {
            let side = w.name("side");
            let text = sentence(&[
                Say(&format!("Seen from {}, {} {}: ", w.place_words(), side_words(side), the(w.name("b")))),
                Eval("if there.len() == 0 { \"nothing\" } else { names(there) }"),
                Eval("if unclear.len() == 0 { \"\" } else { \"; too close to call: \" + names(unclear) }"),
                Say("."),
            ]);
            let submit = w.submit(Value::List("there"), &text, "there + [b]");
            format!(
                "{}{}let there = [];\nlet unclear = [];\nfor object in things() {{\n    if object.id != b.id {{\n        \
                 let r = tools.Geometry.side_of(object, {}, b, viewer);\n        \
                 if !r.clear {{ unclear.push(object); }} else if r.holds {{ there.push(object); }}\n    }}\n}}\n{submit}",
                w.find("b", "b"),
                w.bind_viewer(),
                literal(side)
            )
        },
    },
    QuestionForm {
        id: "which_side_of",
        patterns: &[
            "[on|to] (which|what) side of {b} $is {a} $view",
            "(which|what) side of {b} $is {a} on $view",
            "where $is {a} (relative to|with respect to|in relation to) {b} $view",
            "$seen [on|to] (which|what) side of {b} $is {a}",
        ],
        example: "On which side of the box is the mug?",
        answers: "Choice: left, right, front, behind",
        doc: "where the first object is farther off: across the line of sight or along it, for a viewer (the robot when none is named)",
        write_cell: |w| write_which_side(w, &["left", "right", "front", "behind"]),
    },
    QuestionForm {
        id: "left_or_right_of",
        patterns: &[
            "$is {a} [to|on] (left or [[to|on] the] right|right or [to|on] left) [side] of {b} $view",
            "$is {a} [to|on] left of {b} or [to|on] [its] right $view",
        ],
        example: "Is the mug left or right of the box?",
        answers: "Choice: left, right",
        doc: "which of the two it is",
        write_cell: |w| write_which_side(w, &["left", "right"]),
    },
    QuestionForm {
        id: "front_or_behind",
        patterns: &["$is {a} (in front of or behind|behind or in front of) {b} $view"],
        example: "Is the mug in front of or behind the box?",
        answers: "Choice: front, behind",
        doc: "which of the two it is",
        write_cell: |w| write_which_side(w, &["front", "behind"]),
    },
    QuestionForm {
        id: "side_of_robot",
        patterns: &[
            "$is {a} $side {body}",
            "$is {a} (to|on) {body} ['s] {side:left=left|right=right} [side|hand side]",
            "$is {a} (to|on|at) {side:left=left|right=right} [side|hand side]",
            "$is {a} (to|on) your {side:left=left|right=right} [side|hand side]",
            "$is {a} {side:ahead=front|straight ahead=front|ahead of {body}=front}",
        ],
        example: "Is the mug on the robot's left?",
        answers: "Bool",
        doc: "by the robot's (or a frame's) own axes: left, right, in front and behind are half-spaces",
        write_cell: |w| {
            let side = w.name("side");
            let text = sentence(&[
                Eval("if r.holds { \"Yes: \" } else { \"No: \" }"),
                Say(&format!("{} is ", the(w.name("a")))),
                Eval("if r.holds { \"\" } else { \"not \" }"),
                Say(&format!("{} {}, at a bearing of ", side_words(side), w.place_words())),
                Eval("`${m}`"),
                Say("."),
            ]);
            let frame = w.body_frame();
            let submit = w.submit(Value::Relation("r"), &text, "[r, m]");
            format!(
                "{}let r = tools.Geometry.side_of_frame(a, {}, {frame});\nlet m = tools.Geometry.bearing(a, {frame});\n{submit}",
                w.find("a", "a"),
                literal(side)
            )
        },
    },
    QuestionForm {
        id: "which_side_of_robot",
        patterns: &[
            "[on|to] (which|what) side of {body} $is {a}",
            "[on|to] (which|what) side $is {a}",
            "(which|what) side $is {a} on",
            "(which|what) side of {body} $is {a} on",
        ],
        example: "On which side of the robot is the mug?",
        answers: "Choice: left, right, front, behind",
        doc: "by the robot's (or a frame's) own axes: the nearest of the four directions",
        write_cell: |w| write_robot_side(w, &["front", "left", "behind", "right"]),
    },
    QuestionForm {
        id: "left_or_right_of_robot",
        patterns: &[
            "$is {a} [to|on] (left or [to|on] right|right or [to|on] left) [side] [of {body}]",
            "$is {a} (to|on) {body} ['s] (left or right|right or left)",
        ],
        example: "Is the mug to the left or to the right of the robot?",
        answers: "Choice: left, right",
        doc: "the sign of the bearing",
        write_cell: |w| {
            let text = sentence(&[
                Say(&format!("{} is to the ", the(w.name("a")))),
                Eval("side"),
                Say(&format!(" of {}, at a bearing of ", w.place_words())),
                Eval("`${m}`"),
                Say("."),
            ]);
            let submit = w.submit(Value::Side("side"), &text, "[m]");
            format!(
                "{}let m = tools.Geometry.bearing(a, {});\nlet off_axis = min(m.value.abs(), 3.141592653589793 - m.value.abs());\n\
                 if off_axis < 2.0 * m.sigma {{ Refuse(\"NOT_MEASURABLE\", `too close to call: the bearing is ${{m}}`); }}\n\
                 let side = if m.value > 0.0 {{ \"left\" }} else {{ \"right\" }};\n{submit}",
                w.find("a", "a"),
                w.body_frame()
            )
        },
    },
];

/// A side in words, ready for a name to follow.
fn side_words(side: &str) -> &'static str {
    match side {
        "left" => "to the left of",
        "right" => "to the right of",
        "front" => "in front of",
        _ => "behind",
    }
}

/// Left and right differ in bearing, front and behind in distance; to weigh one against the other the bearing is taken as the offset
/// it makes at the reference's distance.
fn write_which_side(w: &CellWriter<'_>, sides: &[&str]) -> String {
    let text = sentence(&[
        Say(&format!("Seen from {}, {} is on this side of {}: ", w.place_words(), the(w.name("a")), the(w.name("b")))),
        Eval("side"),
        Say(" (margin "),
        Eval("`${best.margin.abs()}`"),
        Say(")."),
    ]);
    let relation = |side: &str| format!("tools.Geometry.side_of(a, {}, b, viewer)", literal(side));
    let choose = match sides {
        [one, other] => {
            format!(
                "let best = {};\nlet side = if best.holds {{ {} }} else {{ {} }};\n",
                relation(one),
                literal(one),
                literal(other)
            )
        }
        _ => format!(
            "let across = {};\nlet along = {};\nlet range_m = {}.value;\n\
             let across_m = across.margin.value.abs() * range_m;\nlet along_m = along.margin.value.abs();\n\
             let across_sigma_m = across.margin.sigma * range_m;\n\
             let sigma_m = (across_sigma_m * across_sigma_m + along.margin.sigma * along.margin.sigma).sqrt();\n\
             if (across_m - along_m).abs() < 2.0 * sigma_m {{ Refuse(\"NOT_MEASURABLE\", \
             `too close to call: ${{across_m}} m across the line of sight, ${{along_m}} m along it`); }}\n\
             let is_across = across_m > along_m;\nlet best = if is_across {{ across }} else {{ along }};\n\
             let side = if is_across {{ if best.holds {{ \"left\" }} else {{ \"right\" }} }} else if best.holds {{ \"front\" }} else {{ \"behind\" }};\n",
            relation("left"),
            relation("front"),
            w.distance_from_viewer("b")
        ),
    };
    let submit = w.submit(Value::Side("side"), &text, "[best]");
    format!("{}{}{choose}{}{submit}", w.find_two(), w.bind_viewer(), clear_or_refuse("best"))
}

fn write_robot_side(w: &CellWriter<'_>, sides: &[&str]) -> String {
    let list: Vec<String> = sides.iter().map(|side| literal(side)).collect();
    let text = sentence(&[
        Say(&format!("{} lies on this side of {}: ", the(w.name("a")), w.place_words())),
        Eval("side"),
        Say(", at a bearing of "),
        Eval("`${m}`"),
        Say("."),
    ]);
    let frame = w.body_frame();
    format!(
        "{}let m = tools.Geometry.bearing(a, {frame});\nlet side = \"\";\nlet best = ();\nlet second = ();\nfor name in [{}] {{\n    \
         let r = tools.Geometry.side_of_frame(a, name, {frame});\n    \
         if best == () || r.margin.value > best.margin.value {{ side = name; second = best; best = r; }} \
         else if second == () || r.margin.value > second.margin.value {{ second = r; }}\n}}\n\
         let lead = best.margin - second.margin;\nif lead.value < 2.0 * lead.sigma {{ Refuse(\"NOT_MEASURABLE\", \
         `too close to call: the bearing is ${{m}}, between two sides`); }}\n{}{}",
        w.find("a", "a"),
        list.join(", "),
        clear_or_refuse("best"),
        w.submit(Value::Side("side"), &text, "[best, m]")
    )
}
