//! The questions about real tabletop scenes, answered by cells as a model would write them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::mosd;
use crate::support::table_world;

use std::sync::Arc;

use mosd::{data, fits, json, snapshot};
use spatialclaw::kernel::{CellStatus, Submission};
use table_world::Bench;

/// The cells for a question, one after the other on one kernel.
fn cells(kind: &str, question: &str) -> Vec<String> {
    let numbers: Vec<&str> = question.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    let named = |i: usize| format!("object {}", numbers[i]);
    match kind {
        "count" if question.contains("directly") => vec![
            "let table = tools.Scene.find(\"table\");\n\
             let things = tools.Scene.objects();\n\
             print(things.len());"
                .to_owned(),
            "let n = 0;\n\
             for thing in things {\n\
                 if thing.label == \"table\" { continue; }\n\
                 let relation = tools.Geometry.on_top_of(thing, table);\n\
                 print(thing.label, relation);\n\
                 if relation.holds && relation.clear { n += 1; }\n\
             }\n\
             ReturnAnswer(n);"
                .to_owned(),
        ],
        "count" => vec![
            "let table = tools.Scene.find(\"table\");\n\
             let on_it = tools.Geometry.stacked_on(table, tools.Scene.objects());\n\
             for thing in on_it { print(thing.label); }\n\
             ReturnAnswer(on_it.len(), #{because: on_it});"
                .to_owned(),
        ],
        "support" => vec![format!(
            "let upper = tools.Scene.find(\"{}\");\n\
             let below = tools.Geometry.support_of(upper, tools.Scene.objects());\n\
             ReturnAnswer(below.label, #{{because: [below]}});",
            named(0)
        )],
        "in_front" => vec![format!(
            "let a = tools.Scene.find(\"{}\");\n\
             let b = tools.Scene.find(\"{}\");\n\
             let to_a = tools.Geometry.distance_from(\"camera\", a);\n\
             let to_b = tools.Geometry.distance_from(\"camera\", b);\n\
             print(to_a.to(\"cm\"), to_b.to(\"cm\"));\n\
             let verdict = to_a.less_than(to_b);\n\
             if !verdict.clear {{ Refuse(\"NOT_MEASURABLE\", verdict.text); }}\n\
             if verdict.holds {{ ReturnAnswer(a.label); }} else {{ ReturnAnswer(b.label); }}",
            named(0),
            named(1)
        )],
        "left_right" => vec![
            "let things = tools.Scene.objects().filter(|o| o.label != \"table\");\n\
             fn column(thing, frame) { tools.Geometry.project_point_to_camera(thing.center, frame)[0] }\n\
             let frame = InputImages[-1];\n\
             things.sort(|p, q| if column(p, frame) < column(q, frame) { -1 } else { 1 });\n\
             ReturnAnswer(things.map(|o| o.label), #{because: things});"
                .to_owned(),
        ],
        "height" => vec![
            "let top = tools.Geometry.fit_plane(tools.Scene.find(\"table\"), [0, 0, 1]);\n\
             let best = ();\n\
             let highest = ();\n\
             for thing in tools.Scene.objects() {\n\
                 if thing.label == \"table\" { continue; }\n\
                 let height = top.height_of(thing);\n\
                 print(thing.label, height);\n\
                 if best == () || height > best { best = height; highest = thing; }\n\
             }\n\
             ReturnAnswer(highest.label, #{because: [best]});"
                .to_owned(),
        ],
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn hand_written_cells_answer_every_question() {
    let Some(folder) = data() else {
        println!(
            "skipped: ../shared/data/mosd_tabletop is absent; set SPATIALCLAW_SHARED_DATA to the folder that holds it"
        );
        return;
    };
    let questions = json(&folder.join("questions.json"));
    let questions = questions.as_array().unwrap();
    assert_eq!(questions.len(), 18);
    let mut wrong = Vec::new();
    for question in questions {
        let word = |key: &str| question[key].as_str().unwrap();
        let world = Arc::new(snapshot(&folder, word("scene")));
        let mut bench = Bench::with(|context| context.snapshot = world);
        let mut story = format!("{}: {}", word("scene"), word("question"));
        let mut found = None;
        for cell in cells(word("kind"), word("question")) {
            let report = bench.run(&cell);
            story += &format!("\n{cell}\n{:?}\n{}", report.status, report.stdout);
            if report.status != CellStatus::Completed {
                break;
            }
            found = report.submission;
        }
        match &found {
            Some(Submission::Answer(answer)) if fits(&answer.value, &question["answer"]) => {
                println!("{}: {}\n    {}", word("scene"), word("question"), answer.text);
            }
            other => wrong.push(format!("{story}\ntruth {}, found {other:?}\n", question["answer"])),
        }
    }
    assert!(wrong.is_empty(), "{} of 18 wrong:\n{}", wrong.len(), wrong.join("\n"));
}
