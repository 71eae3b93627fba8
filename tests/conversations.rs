//! Several questions of one conversation, asked through the service: what a follow-up is told, and what never survives a question.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::{
    analytic_scene::{small_camera, vga_camera},
    robot::{self, STAMP, ask, block_on, cell, clocked_app, parameters, question},
    tabletop,
};

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{Event, EventSink, Outcome, Stage},
    answer::{Answer, AnswerValue},
    app::{App, Question},
    config::ParameterValue,
    error_code::ErrorCode,
    llm::{
        ChatModel,
        offline::OfflineBrain,
        question_brief::{EARLIER_HEADING, QuestionBrief},
        scripted::{ScriptedModel, Turn},
    },
    scene::Stamp,
    session::{recorded::Recorded, replay::Verdict, replay::replay},
};
use tokio_util::sync::CancellationToken;

/// Heights in the scene, metres; the cup stands on the book.
const MUG_M: f64 = 0.10;
const CUP_M: f64 = 0.17;

fn bare() -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([
        ("tf.wait_secs".to_owned(), ParameterValue::Double(0.0)),
        ("agent.planning".to_owned(), ParameterValue::Bool(false)),
    ])
}

fn seeing(model: Arc<dyn ChatModel>) -> Arc<App> {
    let (app, clock) = clocked_app(bare(), model);
    robot::show_at(&app, &clock, 0.0, &tabletop::bodies(tabletop::MUG_SHIFT_M), &vga_camera());
    app
}

fn height_of(name: &str) -> String {
    cell("Measure.", &format!("let thing = tools.Scene.find(\"{name}\");\nReturnAnswer(tools.Geometry.height(thing));"))
}

fn of(conversation_id: &str, text: &str) -> Question {
    Question { conversation_id: conversation_id.to_owned(), record: false, ..question("s", text) }
}

fn answer(outcome: &Outcome) -> &Answer {
    outcome.result.as_ref().unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn metres(outcome: &Outcome) -> f64 {
    match &answer(outcome).value {
        AnswerValue::Number(quantity) => quantity.value(),
        other => panic!("{other:?}"),
    }
}

fn asked_as(model: &ScriptedModel, request: usize) -> String {
    model.requests()[request].messages[1].text.clone()
}

/// The lines that the n-th request tells of earlier questions.
fn told(model: &ScriptedModel, request: usize) -> Vec<serde_json::Value> {
    let text = asked_as(model, request);
    assert!(text.starts_with(EARLIER_HEADING), "{text}");
    let lines = text.lines().skip_while(|line| *line != "```json").skip(1).take_while(|line| *line != "```");
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_follow_up_is_told_the_earlier_questions_with_their_answers_and_stamps() {
    let model =
        Arc::new(ScriptedModel::replying("script", &[&height_of("mug"), &height_of("red_cup"), &height_of("mug")]));
    let app = seeing(model.clone());
    let first = ask(&app, &of("kitchen", "How tall is the mug?"));
    assert!((metres(&first) - MUG_M).abs() < 0.01);
    let second = ask(&app, &of("kitchen", "and the red cup on the book?"));
    assert!((metres(&second) - CUP_M).abs() < 0.01);
    ask(&app, &of("kitchen", "Is it taller than the first one?"));

    assert_eq!(QuestionBrief::find_in(&asked_as(&model, 0)).unwrap().question, "How tall is the mug?");
    assert!(asked_as(&model, 0).starts_with("## Question"));
    let earlier = told(&model, 2);
    assert_eq!((earlier.len(), earlier[1]["asked"].as_str()), (2, Some("and the red cup on the book?")));
    for (line, outcome) in earlier.iter().zip([&first, &second]) {
        assert_eq!(line["newest_image_s"], STAMP.to_string());
        assert_eq!(line["answered"].as_str(), Some(answer(outcome).text.as_str()));
        assert!(line["answered"].as_str().unwrap().contains('±'), "{line}");
    }
    assert!(earlier[0]["about"][0].as_str().unwrap().starts_with("mug#3"), "{}", earlier[0]);
    // The question itself is the new one, whatever was asked before.
    assert_eq!(QuestionBrief::find_in(&asked_as(&model, 2)).unwrap().question, "Is it taller than the first one?");
}

#[test]
fn the_beginning_of_the_prompt_stays_the_same_from_question_to_question() {
    let replies: Vec<String> = (0..4).map(|_| height_of("mug")).collect();
    let model = Arc::new(ScriptedModel::new("script", replies.into_iter().map(Turn::Reply)));
    let app = seeing(model.clone());
    for text in ["How tall is the mug?", "and now?", "and again?", "once more?"] {
        ask(&app, &of("c", text));
    }
    let requests = model.requests();
    assert!(requests.iter().all(|request| request.messages[0].text == requests[0].messages[0].text));
    assert!(requests.iter().all(|request| request.conversation_id == "c"));
    for n in 1..3 {
        let (before, after) = (asked_as(&model, n), asked_as(&model, n + 1));
        let kept = before.find("\n```\n\n## Question").unwrap();
        assert!(after.starts_with(&before[..kept]), "{after}");
    }
    // A question without a conversation knows nothing of it.
    ask(&app, &of("", "How tall is the mug?"));
    assert_eq!(requests.len(), 4);
    assert!(asked_as(&model, 4).starts_with("## Question"));
}

#[test]
fn images_are_fresh_and_no_variable_survives() {
    let replies = [
        cell(
            "Look.",
            "let before = tools.Scene.find(\"mug\");\nReturnAnswer(before.center[1], #{unit: \"m\", sigma: 0.1});",
        ),
        cell("Use what is gone.", "ReturnAnswer(tools.Geometry.height(before));"),
        cell("Look again.", "Refuse(\"NO_ANSWER\", \"seen at \" + InputImages[-1].stamp);"),
    ];
    let model = Arc::new(ScriptedModel::new("script", replies.into_iter().map(Turn::Reply)));
    let (app, clock) = clocked_app(bare(), model.clone());
    let bodies = tabletop::bodies(tabletop::MUG_SHIFT_M);
    robot::show_at(&app, &clock, 0.0, &bodies, &small_camera());
    ask(&app, &of("c", "Where is the mug?"));
    robot::show_at(&app, &clock, 20.0, &bodies, &small_camera());
    ask(&app, &of("c", "and how tall is it?"));
    let newest = STAMP.plus_secs(20.0);
    assert!(asked_as(&model, 1).contains(&format!("The newest is of {newest} s.")), "{}", asked_as(&model, 1));
    assert_eq!(told(&model, 1)[0]["newest_image_s"], STAMP.to_string());
    let problem = model.requests()[2].messages.last().unwrap().text.clone();
    assert!(problem.contains("error at line 1") && problem.contains("before"), "{problem}");
}

#[test]
fn one_question_of_a_conversation_at_a_time_and_cancelled_ones_leave_a_note() {
    let turns = [Turn::Hang, Turn::Reply(height_of("mug")), Turn::Reply(height_of("mug"))];
    let model = Arc::new(ScriptedModel::new("script", turns));
    let app = seeing(model.clone());
    let cancel = CancellationToken::new();
    let quiet: EventSink = Arc::new(|_| {});
    let deadline = Instant::now() + Duration::from_secs(120);
    let start = |text: &str, cancel: &CancellationToken| {
        app.clone().ask(of("c", text), Instant::now(), deadline, quiet.clone(), cancel.clone())
    };
    let (hanging, busy, rejected) = block_on(async {
        let hanging = tokio::spawn(start("How tall is the mug?", &cancel));
        while model.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let rejected = app.check(&of("c", "and the bowl?"));
        let busy = start("and the bowl?", &CancellationToken::new()).await;
        cancel.cancel();
        (hanging.await.unwrap(), busy, rejected)
    });
    assert_eq!(hanging.result.unwrap_err().code, ErrorCode::Canceled);
    let refusal = busy.result.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ConversationBusy);
    assert!(refusal.message.contains("wait for its result or cancel it"), "{}", refusal.message);
    assert_eq!(rejected.unwrap_err(), refusal);
    assert_eq!(model.requests().len(), 1, "no model was asked for it");

    assert!((metres(&ask(&app, &of("c", "How tall is the mug?"))) - MUG_M).abs() < 0.01);
    let earlier = told(&model, 1);
    assert_eq!((earlier.len(), &earlier[0]["asked"]), (1, &"How tall is the mug?".into()));
    assert!(earlier[0]["no_answer"].as_str().unwrap().starts_with("CANCELED: "), "{}", earlier[0]);

    // A question whose client went away, as if the task that asked had been dropped.
    block_on(async {
        let dropped = start("?", &CancellationToken::new());
        assert!(tokio::time::timeout(Duration::ZERO, dropped).await.is_err());
    });
    ask(&app, &of("c", "?"));
    let earlier = told(&model, model.requests().len() - 1);
    assert_eq!(earlier[2]["no_answer"], "it was given up");
}

#[test]
fn events_say_which_conversation_goes_on() {
    let model = Arc::new(ScriptedModel::replying("script", &[&height_of("mug"), &height_of("mug")]));
    let app = seeing(model);
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let hearing = heard.clone();
    let events: EventSink = Arc::new(move |event| hearing.lock().unwrap().push(event));
    let deadline = Instant::now() + Duration::from_secs(120);
    for _ in 0..2 {
        let question = of("c", "How tall is the mug?");
        block_on(app.clone().ask(question, Instant::now(), deadline, events.clone(), CancellationToken::new()));
    }
    let heard = heard.lock().unwrap();
    let told: Vec<&str> =
        heard.iter().filter(|event| event.stage == Stage::Snapshot).map(|event| event.output.as_str()).collect();
    assert_eq!(told, ["conversation \"c\" begins", "conversation \"c\" goes on after 1 questions"]);
}

#[test]
fn the_offline_brain_takes_whole_follow_ups_and_says_why_it_takes_no_others() {
    let app = seeing(Arc::new(OfflineBrain));
    assert!((metres(&ask(&app, &of("c", "How tall is the mug?"))) - MUG_M).abs() < 0.01);
    let refusal = ask(&app, &of("c", "and the red cup?")).result.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UnsupportedQuestion);
    assert!(
        refusal.message.contains("it reads each question of a conversation alone, so name every thing again"),
        "{}",
        refusal.message
    );
    assert!((metres(&ask(&app, &of("c", "How tall is the red cup?"))) - CUP_M).abs() < 0.01);
}

/// What one question measured, the next one remembers, in a conversation or not; here the mug has been taken away in between.
#[test]
fn what_a_question_measured_is_remembered_by_the_next() {
    let recall = "let old = tools.Scene.recall(\"mug\");\nprint([old.status, old.times_seen]);\n\
                  ReturnAnswer(old.distance_to(\"robot\"));";
    let model = Arc::new(ScriptedModel::replying("script", &[&height_of("mug"), &cell("Recall.", recall)]));
    let (app, clock) = clocked_app(bare(), model.clone());
    let quiet: EventSink = Arc::new(|_| {});
    let deadline = Instant::now() + Duration::from_secs(120);
    let start =
        |text: &str| app.clone().ask(of("", text), Instant::now(), deadline, quiet.clone(), CancellationToken::new());
    // One runtime for both, as in the node: what is noted beside an answer ends with the runtime.
    let outcome = block_on(async {
        robot::show_at(&app, &clock, 0.0, &tabletop::bodies(tabletop::MUG_SHIFT_M), &vga_camera());
        let first = start("How tall is the mug?").await;
        assert!(first.result.is_ok(), "{first:?}");
        robot::show_at(&app, &clock, 30.0, &tabletop::bodies(9.0), &vga_camera());
        start("How far was the mug?").await
    });
    let last = model.requests().last().unwrap().messages.last().unwrap().text.clone();
    assert!(outcome.result.is_ok(), "{last}");
    let AnswerValue::Number(distance) = &answer(&outcome).value else { panic!("{outcome:?}") };
    // Its axis stood at (1.2, 0.35, 0.75) m of the robot; the side that the camera sees lies up to its radius nearer.
    let truth_m = (1.2_f64.powi(2) + 0.35_f64.powi(2) + 0.75_f64.powi(2)).sqrt();
    assert!((distance.value() - truth_m).abs() < 0.045, "{distance} against {truth_m}");
    // 0.01 m for each root of a second.
    assert!(distance.sigma() > 0.01 * 30_f64.sqrt() * 0.99, "{distance}");
    let evidence = &answer(&outcome).evidence[0];
    assert!(evidence.method.contains("from memory, seen 30.0 s ago"), "{}", evidence.method);
    assert_eq!(evidence.stamp, Stamp { nanos: STAMP.nanos });
}

#[test]
fn a_recorded_follow_up_replays_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let model = Arc::new(ScriptedModel::replying("script", &[&height_of("mug"), &height_of("red_cup")]));
    let app = robot::app(parameters(dir.path()), model);
    for (session_id, text) in [("one", "How tall is the mug?"), ("two", "and the red cup?")] {
        let outcome = ask(&app, &Question { conversation_id: "c".into(), ..question(session_id, text) });
        assert!(outcome.result.is_ok(), "{outcome:?}");
    }
    let recorded = Recorded::from_bytes(&fs::read(dir.path().join("two.mcap")).unwrap()).unwrap();
    assert_eq!(recorded.session.goal.conversation_id.as_deref(), Some("c"));
    assert!(recorded.session.goal.earlier.as_ref().unwrap().contains("How tall is the mug?"));
    let again = block_on(replay(&recorded, &tabletop::perception())).unwrap();
    assert_eq!(again.verdict, Verdict::Same, "{again}");
}
