//! Hand-written questions about real tabletop scenes with human labels, asked through the whole agent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::mosd;
use crate::support::tabletop;

use std::sync::Arc;

use mosd::{data, fits, json, snapshot};
use tabletop::{goal, offline_agent, solve, story};

#[test]
fn real_tabletops_are_answered_truly() {
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
        let (scene, text) = (question["scene"].as_str().unwrap(), question["question"].as_str().unwrap());
        let (outcome, events) = solve(&offline_agent(), &goal(text), &Arc::new(snapshot(&folder, scene)));
        match &outcome.result {
            Ok(answer) if fits(&answer.value, &question["answer"]) => println!("{scene}: {text}\n    {}", answer.text),
            other => wrong.push(format!(
                "{scene}: {text}\n truth {}, found {other:?}\n{}",
                question["answer"],
                story(&events)
            )),
        }
    }
    assert!(wrong.is_empty(), "{} of 18 wrong:\n{}", wrong.len(), wrong.join("\n"));
}
