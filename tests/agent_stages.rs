//! The stages around a turn: plan, review, second line of evidence, outages, budgets, the last turn, and what stays in history.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::tabletop;

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{Agent, AgentSettings, Event, Goal, Outcome, Patience, Reflection, Stage, conversation::ContextLimits},
    answer::AnswerValue,
    error_code::ErrorCode,
    llm::{
        ChatReply, ModelError, Role, Usage,
        offline::OfflineBrain,
        scripted::{ScriptedModel, Turn},
    },
    scene::Snapshot,
};
use tabletop::{goal, perception, solve, story};

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| Arc::new(tabletop::snapshot()));

const HEIGHT: &str = "let h = tools.Geometry.height(tools.Scene.find(\"mug\"));\nReturnAnswer(h);";

fn cell(code: &str) -> String {
    format!("**Purpose**\nTest.\n\n**Reasoning**\nNone.\n\n**Next Goal**\nNone.\n\n**Code**\n```rhai\n{code}\n```\n")
}

fn model(turns: &[&str]) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::replying("script", turns))
}

fn agent(model: &Arc<ScriptedModel>, settings: AgentSettings) -> Agent {
    Agent { settings, ..Agent::new(model.clone(), perception()) }
}

fn run(agent: &Agent, goal: &Goal) -> (Outcome, Vec<Event>) {
    solve(agent, goal, &SNAPSHOT)
}

fn code_of(outcome: &Outcome) -> ErrorCode {
    outcome.result.as_ref().unwrap_err().code
}

fn height_of(outcome: &Outcome) -> f64 {
    match &outcome.result.as_ref().unwrap().value {
        AnswerValue::Number(quantity) => quantity.value(),
        other => panic!("{other:?}"),
    }
}

fn history(model: &ScriptedModel) -> String {
    let requests = model.requests();
    requests.last().unwrap().messages.iter().map(|message| format!("[{:?}] {}\n", message.role, message.text)).collect()
}

fn down() -> ModelError {
    ModelError::Unavailable { model: "script".into(), reason: "connection refused".into() }
}

fn with_plan() -> AgentSettings {
    AgentSettings { plans: true, ..AgentSettings::default() }
}

#[test]
fn a_plan_comes_first_and_its_writer_sees_no_pictures() {
    let writer = model(&["<think>hm</think>1. Find the mug.\n```rhai\nlet x = 1;\n```\n2. Measure it."]);
    let worker = model(&[&cell(HEIGHT)]);
    let agent = Agent { planner: Some(writer.clone()), ..agent(&worker, with_plan()) };
    let (outcome, events) = run(&agent, &goal("How tall is the mug?"));
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert_eq!((outcome.n_steps, outcome.models.len()), (1, 1), "a plan costs no step");
    let asked = &writer.requests()[0];
    assert!(asked.messages.iter().all(|message| message.pictures.is_empty()));
    assert!(
        asked.messages[0].text.contains("tools.Geometry.height(")
            && asked.messages[1].text.contains("How tall is the mug?")
    );
    assert_eq!(asked.session_id, "planner");
    let told = &worker.requests()[0].messages[1].text;
    assert!(told.contains("## Plan") && told.ends_with("1. Find the mug.\n2. Measure it.\n"), "{told}");
    assert_eq!((events[0].stage, events[1].output.as_str()), (Stage::Plan, "1. Find the mug.\n2. Measure it."));
}

#[test]
fn a_planner_that_fails_or_hangs_harms_nothing() {
    for turn in [Turn::Fail(down()), Turn::Hang, Turn::Reply(String::new())] {
        let writer = Arc::new(ScriptedModel::new("planner", [turn]));
        let worker = model(&[&cell(HEIGHT)]);
        let agent = Agent { planner: Some(writer.clone()), ..agent(&worker, with_plan()) };
        let goal = Goal { deadline: Instant::now() + Duration::from_secs(2), ..goal("How tall is the mug?") };
        let (outcome, events) = run(&agent, &goal);
        assert!((height_of(&outcome) - 0.1).abs() < 0.01, "{}", story(&events));
        assert_eq!(writer.requests().len(), 1);
        assert!(!history(&worker).contains("## Plan"));
    }
}

#[test]
fn a_single_cell_and_the_offline_brain_need_no_plan() {
    let writer = model(&["a plan"]);
    let worker = model(&[&cell(HEIGHT)]);
    let single = Agent { planner: Some(writer.clone()), ..agent(&worker, with_plan()) };
    run(&single, &Goal { max_steps: 1, ..goal("How tall is the mug?") });
    let offline = Agent { planner: Some(writer.clone()), settings: with_plan(), ..tabletop::offline_agent() };
    assert!(run(&offline, &goal("How tall is the mug?")).0.result.is_ok());
    assert_eq!(writer.requests().len(), 0);
}

fn with_reviews() -> AgentSettings {
    let reflection = Reflection { every_n_steps: 2, min_steps_for_veto: 1, max_vetoes: 1 };
    AgentSettings { reflection: Some(reflection), ..AgentSettings::default() }
}

const CONCERN: &str =
    "{\"status\": \"concern\", \"explanation\": \"the wrong mug\", \"suggestion\": \"look at the picture\"}";

#[test]
fn a_review_hands_an_answer_back_within_its_budget() {
    let worker = model(&[&cell(HEIGHT), &cell("ReturnAnswer(h);")]);
    let reviewer = model(&[CONCERN, CONCERN]);
    let agent = Agent { reviewer: Some(reviewer.clone()), ..agent(&worker, with_reviews()) };
    let (outcome, events) = run(&agent, &goal("How tall is the mug?"));
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert!(!outcome.result.as_ref().unwrap().forced);
    assert_eq!((outcome.n_steps, reviewer.requests().len()), (2, 1), "one veto is all there is");
    assert!(history(&worker).contains("was held back: the wrong mug\nlook at the picture"), "{}", history(&worker));
    assert!(events.iter().any(|event| event.stage == Stage::Reflect && event.output == "concern: the wrong mug"));
    let asked = &reviewer.requests()[0].messages;
    assert_eq!(asked.last().unwrap().role, Role::User);
    assert!(asked.last().unwrap().text.contains("an answer was submitted"), "{}", asked.last().unwrap().text);
}

#[test]
fn an_answer_held_back_at_the_end_goes_out_as_forced() {
    let worker = model(&[&cell(HEIGHT), &cell("print(1);")]);
    let reviewer = model(&[CONCERN]);
    let agent = Agent { reviewer: Some(reviewer), ..agent(&worker, with_reviews()) };
    let (outcome, _) = run(&agent, &Goal { max_steps: 2, ..goal("How tall is the mug?") });
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert!(outcome.result.unwrap().forced);
}

#[test]
fn an_answer_held_back_survives_the_deadline_but_not_a_cancel() {
    let turns = [Turn::Reply(cell(HEIGHT)), Turn::Hang];
    let worker = Arc::new(ScriptedModel::new("script", turns));
    let agent = Agent { reviewer: Some(model(&[CONCERN])), ..agent(&worker, with_reviews()) };
    let goal = Goal { deadline: Instant::now() + Duration::from_secs(2), ..goal("How tall is the mug?") };
    let (outcome, _) = run(&agent, &goal);
    assert!(outcome.result.unwrap().forced);
}

#[test]
fn a_review_without_a_verdict_changes_nothing() {
    for words in ["I have no concern at all.", "", "{\"status\": \"concern\"}"] {
        let worker = model(&[&cell(HEIGHT)]);
        let agent = Agent { reviewer: Some(model(&[words])), ..agent(&worker, with_reviews()) };
        let (outcome, _) = run(&agent, &goal("How tall is the mug?"));
        assert!(!outcome.result.unwrap().forced);
        assert_eq!(outcome.n_steps, 1);
    }
}

#[test]
fn work_is_reviewed_every_few_cells() {
    let worker = model(&[&cell("print(1);"), &cell("print(2);"), &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]);
    let reviewer = model(&[CONCERN]);
    let agent = Agent { reviewer: Some(reviewer.clone()), ..agent(&worker, with_reviews()) };
    let (outcome, _) = run(&agent, &goal("?"));
    assert_eq!((code_of(&outcome), reviewer.requests().len()), (ErrorCode::NotVisible, 1));
    assert!(history(&worker).contains("has a concern: the wrong mug"));
}

fn with_second_line() -> AgentSettings {
    AgentSettings { asks_for_second_line: true, ..AgentSettings::default() }
}

#[test]
fn a_metric_answer_with_one_line_of_evidence_goes_back_once() {
    let worker = model(&[&cell(HEIGHT), &cell("ReturnAnswer(h);"), &cell("print(1);")]);
    let (outcome, _) = run(&agent(&worker, with_second_line()), &goal("How tall is the mug?"));
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert!(!outcome.result.unwrap().forced, "it was submitted again");
    assert_eq!(outcome.n_steps, 2);
    assert!(history(&worker).contains("rests on one line of evidence ("), "{}", history(&worker));
}

#[test]
fn two_lines_a_count_or_a_verdict_go_out_at_once() {
    let two = "let now = tools.Geometry.height(tools.Scene.find(\"box\"));\n\
               let before = tools.Geometry.height(tools.Scene.find_at(\"box\", 5.0));\n\
               ReturnAnswer(now, #{because: [now, before]});";
    for code in [two, "ReturnAnswer(tools.Scene.count(\"cone\"));", "ReturnAnswer(true);"] {
        let worker = model(&[&cell(code)]);
        let (outcome, events) = run(&agent(&worker, with_second_line()), &goal("?"));
        assert!(outcome.result.is_ok(), "{code}\n{}", story(&events));
        assert_eq!(outcome.n_steps, 1, "{code}");
    }
    let offline = Agent { settings: with_second_line(), ..tabletop::offline_agent() };
    assert_eq!(run(&offline, &goal("How tall is the mug?")).0.n_steps, 1);
}

fn with_last_turn() -> AgentSettings {
    AgentSettings { forces_answer: true, ..AgentSettings::default() }
}

#[test]
fn when_the_cells_are_used_up_one_last_turn_must_submit() {
    let goal = Goal { max_steps: 2, ..goal("How tall is the mug?") };
    let measure = "let h = tools.Geometry.height(tools.Scene.find(\"mug\"));";
    let worker = model(&[&cell(measure), &cell("print(h);"), &cell("ReturnAnswer(h);")]);
    let (outcome, _) = run(&agent(&worker, with_last_turn()), &goal);
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert!(outcome.result.as_ref().unwrap().forced);
    assert!(history(&worker).contains("## Last turn\n\nno answer after 2 cells"), "{}", history(&worker));

    for last in [cell("print(3);"), "words".to_owned()] {
        let worker = model(&[&cell(measure), &cell("print(h);"), &last]);
        let (outcome, _) = run(&agent(&worker, with_last_turn()), &goal);
        assert_eq!(code_of(&outcome), ErrorCode::BudgetExceeded);
        assert_eq!(worker.requests().len(), 3);
    }
}

#[test]
fn cells_that_keep_failing_end_the_goal() {
    let patience = Patience { n_failed_cells: 2, ..Patience::default() };
    let settings = AgentSettings { patience, ..AgentSettings::default() };
    let fails = cell("tools.Scene.find(\"unicorn\");");
    let worker = model(&[&fails, &cell("print(1);"), &fails, &fails, &fails]);
    let (outcome, _) = run(&agent(&worker, settings), &Goal { max_steps: 10, ..goal("?") });
    assert_eq!((code_of(&outcome), outcome.n_steps), (ErrorCode::NoAnswer, 4));
    assert!(outcome.result.unwrap_err().message.contains("2 cells in a row failed"));
}

#[test]
fn a_goal_ends_at_its_tokens() {
    let usage = Usage { n_prompt_tokens: 900, n_completion_tokens: 200, ..Usage::default() };
    let turn = || Turn::Say(Box::new(ChatReply { usage, ..ChatReply::new(cell("print(1);")) }));
    let worker = Arc::new(ScriptedModel::new("script", [turn(), turn(), turn()]));
    let settings = AgentSettings { max_tokens: Some(2000), ..AgentSettings::default() };
    let (outcome, events) = run(&agent(&worker, settings), &goal("?"));
    assert_eq!((code_of(&outcome), outcome.n_steps), (ErrorCode::BudgetExceeded, 2));
    assert!(history(&worker).contains(", 900 tokens"), "{}", history(&worker));
    let cost = events.iter().find_map(|event| event.cost).unwrap();
    assert_eq!((cost.usage, cost.n_messages, cost.n_pictures), (usage, 2, 2));
    assert!(cost.n_estimated_tokens > 1000);
}

fn quick() -> AgentSettings {
    let patience = Patience { outage_delay: Duration::ZERO, ..Patience::default() };
    AgentSettings { patience, ..AgentSettings::default() }
}

#[test]
fn an_outage_costs_no_step() {
    let turns = [Turn::Reply(cell("let x = 1;")), Turn::Fail(down()), Turn::Fail(down()), Turn::Reply(cell(HEIGHT))];
    let worker = Arc::new(ScriptedModel::new("script", turns));
    let (outcome, _) = run(&agent(&worker, quick()), &Goal { max_steps: 2, ..goal("How tall is the mug?") });
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert_eq!(outcome.n_steps, 2);

    let lasting = Arc::new(ScriptedModel::new("script", vec![Turn::Fail(down()); 9]));
    let (outcome, _) = run(&agent(&lasting, quick()), &goal("?"));
    assert_eq!((code_of(&outcome), lasting.requests().len()), (ErrorCode::ModelUnavailable, 3));
}

#[test]
fn a_wrong_key_fails_at_once() {
    let bad = ModelError::BadKey { model: "script".into(), key_env: "KEY".into(), reason: "invalid".into() };
    let worker = Arc::new(ScriptedModel::new("script", [Turn::Fail(bad), Turn::Reply(cell(HEIGHT))]));
    let (outcome, _) = run(&agent(&worker, quick()), &goal("?"));
    assert_eq!((code_of(&outcome), worker.requests().len()), (ErrorCode::ModelUnavailable, 1));
}

#[test]
fn a_conversation_that_is_too_long_for_the_server_is_shortened_once() {
    let long = || Turn::Fail(ModelError::TooLong { model: "script".into(), reason: "8192 tokens".into() });
    let mut turns: Vec<Turn> =
        (0..6).map(|_| Turn::Reply(cell("for i in range(0, 200) { print(\"a long line of words\"); }"))).collect();
    turns.extend([long(), Turn::Reply(cell(HEIGHT))]);
    let worker = Arc::new(ScriptedModel::new("script", turns));
    let (outcome, _) = run(&agent(&worker, quick()), &Goal { max_steps: 10, ..goal("How tall is the mug?") });
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    let requests = worker.requests();
    // The instructions stay whole.
    let size = |at: usize| requests[at].messages.iter().skip(1).map(|message| message.text.len()).sum::<usize>();
    assert!(size(7) * 3 < size(6) * 2, "{} {}", size(6), size(7));
    assert!(history(&worker).contains("(earlier turns in short)\n- Test. -> cell 1:"), "{}", history(&worker));

    let hopeless = Arc::new(ScriptedModel::new("script", [long(), long(), Turn::Reply(cell(HEIGHT))]));
    assert_eq!(code_of(&run(&agent(&hopeless, quick()), &goal("?")).0), ErrorCode::ModelUnavailable);
}

#[test]
fn a_failed_cell_stays_only_up_to_its_failure() {
    let long_cell = cell("let a = 1;\nlet b = tools.Scene.find(\"unicorn\");\nprint(\"never reached\");");
    let worker = model(&[&long_cell, &cell("Refuse(\"NOT_VISIBLE\", `a is ${a}`);")]);
    let (outcome, _) = run(&agent(&worker, AgentSettings::default()), &goal("?"));
    assert_eq!(outcome.result.unwrap_err().message, "a is 1");
    let told = history(&worker);
    assert!(told.contains("let b = tools.Scene.find(\"unicorn\");\n// error NOT_VISIBLE at line 2"), "{told}");
    assert!(!told.contains("never reached") && told.contains("kept from before it: a, and"), "{told}");
}

#[test]
fn pictures_of_a_goal_are_limited() {
    let context = ContextLimits { max_shown_pictures: 1, max_key_frames: 1, ..ContextLimits::default() };
    let settings = AgentSettings { context, ..AgentSettings::default() };
    let worker =
        model(&[&cell("show(InputImages[0]); show(InputImages[1]);"), &cell("Refuse(\"NOT_VISIBLE\", \"no\");")]);
    run(&agent(&worker, settings), &goal("?"));
    let messages = worker.requests()[1].messages.clone();
    assert_eq!((messages[1].pictures.len(), messages[3].pictures.len()), (1, 1));
    assert!(messages[3].text.contains("[1 pictures left out; the goal shows at most 1]"), "{}", messages[3].text);
    assert!(messages[3].text.contains("0 pictures"), "{}", messages[3].text);
}

#[test]
fn the_prompt_is_identified_and_can_be_changed() {
    let worker = || model(&[&cell("Refuse(\"NOT_VISIBLE\", \"no\");")]);
    let plain = run(&agent(&worker(), AgentSettings::default()), &goal("?")).0;
    let mut settings = AgentSettings::default();
    settings.prompt.excluded.insert("measuring".to_owned());
    let changed_model = worker();
    let changed = run(&agent(&changed_model, settings), &goal("?")).0;
    assert_eq!(plain.prompt_hash.len(), 16);
    assert_ne!(plain.prompt_hash, changed.prompt_hash);
    assert!(!history(&changed_model).contains("## Measuring well"));
}

#[test]
fn the_offline_brain_needs_none_of_it() {
    let settings = AgentSettings { plans: true, asks_for_second_line: true, forces_answer: true, ..with_reviews() };
    let agent = Agent { settings, ..Agent::new(Arc::new(OfflineBrain), perception()) };
    let (outcome, events) = run(&agent, &goal("How tall is the mug?"));
    assert!((height_of(&outcome) - 0.1).abs() < 0.01);
    assert_eq!(outcome.n_steps, 1, "{}", story(&events));
}
