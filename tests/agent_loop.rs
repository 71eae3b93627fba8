//! The loop against a scripted model and the real kernel: every way in which a goal can go and end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::tabletop;

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{Agent, Goal, Outcome, Stage},
    answer::{AnswerKind, AnswerValue},
    error_code::ErrorCode,
    llm::{
        ModelError, Role,
        offline::OfflineBrain,
        scripted::{ScriptedModel, Turn},
    },
    scene::Snapshot,
};
use tabletop::{goal, perception, recorder, solve};
use tokio_util::sync::CancellationToken;

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| Arc::new(tabletop::snapshot()));

fn cell(code: &str) -> String {
    format!("**Purpose**\nTest.\n\n**Reasoning**\nNone.\n\n**Next Goal**\nNone.\n\n**Code**\n```rhai\n{code}\n```\n")
}

fn play(turns: Vec<Turn>, goal: &Goal) -> (Outcome, Arc<ScriptedModel>) {
    let model = Arc::new(ScriptedModel::new("script", turns));
    let (outcome, _) = solve(&Agent::new(model.clone(), perception()), goal, &SNAPSHOT);
    (outcome, model)
}

fn replies(texts: &[&str]) -> Vec<Turn> {
    texts.iter().map(|text| Turn::Reply((*text).to_owned())).collect()
}

fn code_of(outcome: &Outcome) -> ErrorCode {
    let refusal = outcome.result.as_ref().unwrap_err();
    assert!(!refusal.message.is_empty());
    refusal.code
}

fn unavailable() -> ModelError {
    ModelError::Unavailable { model: "far".into(), reason: "connection refused".into() }
}

/// The text that the model was told last.
fn last_told(model: &ScriptedModel) -> String {
    let requests = model.requests();
    let message = requests.last().unwrap().messages.last().unwrap();
    assert_eq!(message.role, Role::User);
    message.text.clone()
}

#[test]
fn variables_live_from_cell_to_cell_and_the_answer_ends_the_goal() {
    let turns = replies(&[
        &cell("let mug = tools.Scene.find(\"mug\");\nprint(mug.label);"),
        &cell("let h = tools.Geometry.height(mug);\nReturnAnswer(h);"),
        &cell("Refuse(\"NO_ANSWER\", \"never reached\");"),
    ]);
    let (outcome, model) = play(turns, &goal("How tall is the mug?"));
    let answer = outcome.result.unwrap();
    assert!(matches!(answer.value, AnswerValue::Number(q) if (q.value() - 0.1).abs() < 0.01), "{answer:?}");
    assert!(!answer.evidence.is_empty());
    assert_eq!((outcome.n_steps, outcome.n_tool_calls), (2, 2));
    assert_eq!(outcome.models, ["script"]);
    assert!(outcome.n_completion_tokens > 0);
    let told = last_told(&model);
    assert!(told.contains("## Cell 1") && told.contains("printed:\nmug") && told.contains("- mug (new)"), "{told}");
}

#[test]
fn events_tell_the_story() {
    let model = ScriptedModel::replying("script", &[&cell("print(1);"), &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]);
    let (_, events) = solve(&Agent::new(Arc::new(model), perception()), &goal("?"), &SNAPSHOT);
    let stages: Vec<(Stage, u32)> = events.iter().map(|event| (event.stage, event.step)).collect();
    use Stage::{Answer, Check, Generate, Observe, Run};
    assert_eq!(
        stages,
        [(Generate, 1), (Check, 1), (Run, 1), (Observe, 1), (Generate, 2), (Check, 2), (Run, 2), (Answer, 2)]
    );
    assert_eq!((events[1].purpose.as_str(), events[1].code.as_str()), ("Test.", "print(1);\n"));
    assert!(events[3].output.contains("printed:\n1"));
    assert_eq!(events[7].output, "NOT_VISIBLE: no cat");
}

#[test]
fn a_refusal_is_passed_on_as_said() {
    let (outcome, _) = play(replies(&[&cell("Refuse(\"NOT_MEASURABLE\", \"the box has no front\");")]), &goal("?"));
    let refusal = outcome.result.unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::NotMeasurable, "the box has no front"));
}

#[test]
fn a_reply_without_a_cell_is_asked_for_again() {
    let turns = replies(&["The mug is about 10 cm tall.", "", &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]);
    let (outcome, model) = play(turns, &goal("?"));
    assert_eq!(code_of(&outcome), ErrorCode::NotVisible);
    assert_eq!(outcome.n_steps, 1);
    let history: Vec<String> = model.requests()[2].messages.iter().map(|message| message.text.clone()).collect();
    assert!(history.iter().all(|text| !text.contains("about 10 cm")), "an unreadable reply must not be sent again");
    assert!(last_told(&model).contains("the reply is empty"));
}

#[test]
fn too_many_replies_without_a_cell_end_the_goal() {
    let (outcome, _) = play(replies(&["no", "cell", "here", &cell("ReturnAnswer(true);")]), &goal("?"));
    assert_eq!(code_of(&outcome), ErrorCode::NoAnswer);
    assert_eq!(outcome.n_steps, 0);
}

#[test]
fn a_reply_that_was_cut_off_is_never_run() {
    let cut = "**Code**\n```rhai\nRefuse(\"INTERNAL_ERROR\", \"ran\");\nlet x = ";
    let (outcome, model) = play(replies(&[cut, &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]), &goal("?"));
    assert_eq!(code_of(&outcome), ErrorCode::NotVisible);
    assert!(last_told(&model).contains("cut off after 2 lines"));
}

#[test]
fn thoughts_are_not_run_and_not_sent_again() {
    let thinking = format!("<think>```rhai\nRefuse(\"INTERNAL_ERROR\", \"ran\");\n```</think>{}", cell("print(2);"));
    let (outcome, model) = play(replies(&[&thinking, &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]), &goal("?"));
    assert_eq!(code_of(&outcome), ErrorCode::NotVisible);
    assert!(!model.requests()[1].messages[2].text.contains("think"));
}

#[test]
fn a_wrong_kind_can_be_corrected() {
    let goal = Goal { answer_kind: AnswerKind::Bool, ..goal("Is the mug taller than 5 cm?") };
    let turns = replies(&[
        &cell("let h = tools.Geometry.height(tools.Scene.find(\"mug\"));\nReturnAnswer(h);"),
        &cell("ReturnAnswer(h.greater_than(0.05));"),
    ]);
    let (outcome, model) = play(turns, &goal);
    assert_eq!(outcome.result.unwrap().value, AnswerValue::Bool(true));
    assert!(last_told(&model).contains("error WRONG_ANSWER_KIND at line 2"), "{}", last_told(&model));
}

#[test]
fn a_tools_error_reaches_the_model_with_its_code_and_place() {
    let turns =
        replies(&[&cell("let x = 1;\ntools.Scene.find(\"unicorn\");"), &cell("Refuse(\"NOT_VISIBLE\", `x is ${x}`);")]);
    let (outcome, model) = play(turns, &goal("?"));
    let told = last_told(&model);
    assert!(told.contains("error NOT_VISIBLE at line 2"), "{told}");
    assert!(told.contains("unicorn") && told.contains("mug"), "{told}");
    assert_eq!(outcome.result.unwrap_err().message, "x is 1");
}

#[test]
fn an_endless_cell_ends_and_the_model_is_told() {
    let turns = replies(&[&cell("let n = 0;\nloop { n += 1; }"), &cell("Refuse(\"NOT_VISIBLE\", \"no cat\");")]);
    let (outcome, model) = play(turns, &goal("?"));
    assert_eq!(code_of(&outcome), ErrorCode::NotVisible);
    assert!(last_told(&model).contains("status: stopped at a limit"), "{}", last_told(&model));
}

#[test]
fn cells_run_out() {
    let goal = Goal { max_steps: 2, ..goal("?") };
    let (outcome, model) =
        play(replies(&[&cell("print(1);"), &cell("tools.Scene.find(\"unicorn\");"), &cell("print(3);")]), &goal);
    assert_eq!(code_of(&outcome), ErrorCode::BudgetExceeded);
    assert!(outcome.result.unwrap_err().message.contains("NOT_VISIBLE"), "the last problem is named");
    assert_eq!(outcome.n_steps, 2);
    assert!(last_told(&model).contains("left: one cell"));
}

#[test]
fn the_deadline_ends_a_model_that_hangs() {
    let goal = Goal { deadline: Instant::now() + Duration::from_millis(50), ..goal("?") };
    let (outcome, _) = play(vec![Turn::Hang], &goal);
    assert_eq!(code_of(&outcome), ErrorCode::DeadlineExceeded);
    assert!(outcome.result.unwrap_err().message.contains("waiting for the model"));
}

#[test]
fn the_deadline_ends_a_cell_that_hangs() {
    let model = Arc::new(ScriptedModel::replying("script", &[&cell("loop { }")]));
    let mut agent = Agent::new(model, perception());
    agent.limits.max_operations = u64::MAX;
    let goal = Goal { deadline: Instant::now() + Duration::from_millis(300), ..goal("?") };
    let (outcome, _) = solve(&agent, &goal, &SNAPSHOT);
    assert_eq!(code_of(&outcome), ErrorCode::DeadlineExceeded);
}

/// Cancels as soon as the loop reaches `stage`, and returns how long the end took from there.
fn cancel_at(stage: Stage, agent: &Agent) -> (Outcome, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let token = CancellationToken::new();
    let (reached, wait) = std::sync::mpsc::channel();
    let sink: spatialclaw::agent::EventSink = Arc::new(move |event| {
        if event.stage == stage {
            let _ = reached.send(());
        }
    });
    let canceller = {
        let token = token.clone();
        std::thread::spawn(move || {
            wait.recv().unwrap();
            // Long enough for the model or the cell to be busy, not for either to end.
            std::thread::sleep(Duration::from_millis(30));
            token.cancel();
            Instant::now()
        })
    };
    let outcome = runtime.block_on(agent.solve(&goal("?"), SNAPSHOT.clone(), &sink, token));
    let ended = Instant::now();
    (outcome, ended.saturating_duration_since(canceller.join().unwrap()))
}

#[test]
fn a_cancel_is_heard_while_the_model_is_busy() {
    let agent = Agent::new(Arc::new(ScriptedModel::new("script", [Turn::Hang])), perception());
    let (outcome, took) = cancel_at(Stage::Generate, &agent);
    assert_eq!(code_of(&outcome), ErrorCode::Canceled);
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[test]
fn a_cancel_is_heard_while_a_cell_is_busy() {
    let mut agent = Agent::new(Arc::new(ScriptedModel::replying("script", &[&cell("loop { }")])), perception());
    agent.limits.max_operations = u64::MAX;
    let (outcome, took) = cancel_at(Stage::Run, &agent);
    assert_eq!(code_of(&outcome), ErrorCode::Canceled);
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[test]
fn a_cancelled_goal_does_not_start() {
    let token = CancellationToken::new();
    token.cancel();
    let model = Arc::new(ScriptedModel::replying("script", &[&cell("ReturnAnswer(true);")]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let agent = Agent::new(model.clone(), perception());
    let outcome = runtime.block_on(agent.solve(&goal("?"), SNAPSHOT.clone(), &recorder().0, token));
    assert_eq!(code_of(&outcome), ErrorCode::Canceled);
    assert_eq!(model.requests().len(), 0);
}

#[test]
fn a_model_that_is_down_is_said_to_be_down() {
    let (outcome, _) = play(vec![Turn::Fail(unavailable()); 3], &goal("How tall is the mug?"));
    assert_eq!(code_of(&outcome), ErrorCode::ModelUnavailable);
    assert!(outcome.result.unwrap_err().message.contains("connection refused"));
}

#[test]
fn the_fallback_takes_over_at_the_start_and_in_the_middle() {
    for turns in [
        vec![Turn::Fail(unavailable())],
        vec![Turn::Reply(cell("tools.Scene.find(\"unicorn\");")), Turn::Fail(unavailable())],
    ] {
        let model = Arc::new(ScriptedModel::new("far", turns));
        let agent = Agent::new(model, perception()).with_fallback(Arc::new(OfflineBrain));
        let (outcome, _) = solve(&agent, &goal("How tall is the mug?"), &SNAPSHOT);
        let answer = outcome.result.unwrap();
        assert!(matches!(answer.value, AnswerValue::Number(q) if (q.value() - 0.1).abs() < 0.01), "{answer:?}");
        assert_eq!(outcome.models.last().map(String::as_str), Some("offline-grammar"));
    }
}

#[test]
fn a_question_outside_the_grammar_goes_to_the_fallback() {
    let model = Arc::new(ScriptedModel::replying("far", &[&cell("ReturnAnswer(\"red\");")]));
    let agent = Agent::new(Arc::new(OfflineBrain), perception()).with_fallback(model);
    let (outcome, _) = solve(&agent, &goal("What colour is the mug?"), &SNAPSHOT);
    assert_eq!(outcome.result.unwrap().value, AnswerValue::Text("red".into()));
    assert_eq!(outcome.models, ["far"]);
}

#[test]
fn an_outage_outranks_an_unsupported_question() {
    let model = Arc::new(ScriptedModel::new("far", [Turn::Fail(unavailable())]));
    let agent = Agent::new(model, perception()).with_fallback(Arc::new(OfflineBrain));
    let (outcome, _) = solve(&agent, &goal("What colour is the mug?"), &SNAPSHOT);
    assert_eq!(code_of(&outcome), ErrorCode::ModelUnavailable);
    assert!(outcome.result.unwrap_err().message.contains("grammar"));
}

#[test]
fn the_first_messages_hold_instructions_question_and_pictures() {
    let goal = Goal { choices: vec!["yes".into(), "no".into()], answer_kind: AnswerKind::Choice, ..goal("Is it?") };
    let (_, model) = play(replies(&[&cell("Refuse(\"NOT_VISIBLE\", \"no\");")]), &goal);
    let requests = model.requests();
    let [system, question] = requests[0].messages.as_slice() else { panic!("two messages") };
    assert_eq!((system.role, question.role), (Role::System, Role::User));
    assert!(system.text.contains("tools.Scene.find(") && system.text.contains("tools.Geometry.surface_distance("));
    assert!(!system.text.contains("{{"));
    insta::assert_snapshot!(question.text);
    assert_eq!(question.pictures.len(), 2);
}
