//! Models as configured: a goal is answered through a server, and by those that stand in when it fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use crate::support::local_server;
use crate::support::tabletop;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use local_server::{EVENTS, LocalServer, Step, good_stream, head, text_event};
use spatialclaw::{
    agent::{Agent, Event, EventSink, Goal, Outcome, Stage},
    app::Models,
    config::{Config, ParameterValue},
    error_code::ErrorCode,
    llm::{ChatRequest, Message, ModelRole, Role},
};
use tabletop::{goal, perception, recorder};
use tokio_util::sync::CancellationToken;

const CELL: &str = "**Purpose**\nHow tall.\n\n**Reasoning**\nThe mug stands on the table in the newest image, so its height is that of its visible surface above the table it stands on.\n\n**Next Goal**\nSubmit.\n\n**Code**\n```rhai\nlet mug = tools.Scene.find(\"mug\");\nReturnAnswer(tools.Geometry.height(mug));\n```\n";

fn text(value: &str) -> ParameterValue {
    ParameterValue::String(value.to_owned())
}

fn models(given: &[(&str, ParameterValue)]) -> Result<Models, String> {
    let given: BTreeMap<String, ParameterValue> =
        given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let config = Config::from_parameters(given).map_err(|error| error.to_string())?;
    let env = |name: &str| (name == "MY_KEY").then(|| "sk-1".to_owned());
    Models::build(&config.model, env).map_err(|error| error.to_string())
}

async fn solve(models: &Models, goal: &Goal) -> (Outcome, Vec<Event>) {
    let main = models.roles.get(ModelRole::Main).clone();
    let agent = Agent { vision: models.vision.clone(), ..Agent::new(main, perception()) };
    let (events, heard): (EventSink, _) = recorder();
    let outcome = agent.solve(goal, Arc::new(tabletop::snapshot()), &events, CancellationToken::new()).await;
    let heard = heard.lock().unwrap().clone();
    (outcome, heard)
}

/// The mug of the table scene is 0.10 m tall.
fn assert_is_the_mugs_height(outcome: &Outcome) {
    let answer = outcome.result.as_ref().unwrap();
    assert!(answer.text.contains("0.10") || answer.text.contains("0.1"), "{}", answer.text);
}

#[tokio::test]
async fn a_goal_is_answered_through_a_server_and_its_tokens_are_counted() {
    let server = LocalServer::play(vec![good_stream(CELL)]).await;
    let models = models(&[
        ("model.base_url", text(&server.url())),
        ("model.name", text("served")),
        ("model.api_key_env", text("MY_KEY")),
    ])
    .unwrap();
    let (outcome, events) = solve(&models, &goal("How tall is the mug?")).await;
    assert_is_the_mugs_height(&outcome);
    assert_eq!((outcome.models, outcome.n_prompt_tokens, outcome.n_completion_tokens), (vec!["served".into()], 11, 3));
    let writing: Vec<&Event> =
        events.iter().filter(|event| event.stage == Stage::Generate && !event.output.is_empty()).collect();
    assert!(!writing.is_empty() && CELL.ends_with(&writing[0].output.trim_start_matches("...")), "{writing:?}");
    let sent = server.received().remove(0);
    assert_eq!(sent.header("authorization"), Some("Bearer sk-1"));
    assert_eq!(sent.body["messages"][0]["role"], "system");
}

#[tokio::test]
async fn when_the_server_is_gone_the_offline_brain_answers() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let models = models(&[
        ("model.base_url", text(&format!("http://{closed}/v1"))),
        ("model.name", text("served")),
        ("model.retry_secs", ParameterValue::Double(0.0)),
    ])
    .unwrap();
    let (outcome, _) = solve(&models, &goal("How tall is the mug?")).await;
    assert_is_the_mugs_height(&outcome);
    assert_eq!(outcome.models, ["offline-grammar"]);

    let other = Goal { session_id: "other".into(), ..goal("Which of these would a cat like?") };
    let (outcome, _) = solve(&models, &other).await;
    let refusal = outcome.result.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ModelUnavailable);
    assert!(refusal.message.contains("Connection refused") && refusal.message.contains("outside the offline grammar"));
}

#[tokio::test]
async fn a_server_that_hangs_leaves_the_offline_brain_its_time() {
    let begun = Step::Send([head("200 OK", EVENTS), text_event("**Purp")].concat());
    let server = LocalServer::play(vec![vec![begun, Step::Hang]]).await;
    let models = models(&[
        ("model.base_url", text(&server.url())),
        ("model.name", text("served")),
        ("model.fallback.reserve_secs", ParameterValue::Double(8.0)),
    ])
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(9);
    let (outcome, _) = solve(&models, &Goal { deadline, ..goal("How tall is the mug?") }).await;
    assert_is_the_mugs_height(&outcome);
    assert!(Instant::now() < deadline);
    server.wait_until_closed().await;
}

#[tokio::test]
async fn a_second_model_stands_in_before_the_offline_brain() {
    let broken = local_server::answer("500 Internal Server Error", "text/plain", "boom");
    let (first, second) = (LocalServer::play(vec![broken]).await, LocalServer::play(vec![good_stream(CELL)]).await);
    let models = models(&[
        ("model.base_url", text(&first.url())),
        ("model.name", text("first")),
        ("model.retry_secs", ParameterValue::Double(0.0)),
        ("model.fallback.base_url", text(&second.url())),
        ("model.fallback.name", text("second")),
    ])
    .unwrap();
    let (outcome, _) = solve(&models, &goal("How tall is the mug?")).await;
    assert_is_the_mugs_height(&outcome);
    assert_eq!(outcome.models, ["second"]);
    let mut names: Vec<&String> = models.by_name.keys().collect();
    names.sort();
    assert_eq!(names, ["first", "offline-grammar", "second"]);
}

#[tokio::test]
async fn a_role_has_its_own_server_and_sampling() {
    let (main, pointing) =
        (LocalServer::play(vec![good_stream("m")]).await, LocalServer::play(vec![good_stream("g")]).await);
    let models = models(&[
        ("model.base_url", text(&main.url())),
        ("model.name", text("main")),
        ("model.grounding.base_url", text(&pointing.url())),
        ("model.grounding.preset", text("qwen3.6-35b-a3b")),
        ("model.grounding.temperature", ParameterValue::Double(0.1)),
    ])
    .unwrap();
    let request = ChatRequest { messages: vec![Message::new(Role::User, "hello")], ..ChatRequest::default() };
    let said = async |role: ModelRole| models.roles.get(role).complete(&request).await.unwrap().text;
    assert_eq!((said(ModelRole::Grounding).await, said(ModelRole::Vlm).await), ("g".to_owned(), "m".to_owned()));
    let body = pointing.received().remove(0).body;
    assert_eq!((&body["temperature"], &body["model"]), (&0.1.into(), &"Qwen/Qwen3.6-35B-A3B".into()));
    assert!(models.vision.is_some());
}

#[test]
fn without_an_address_everything_stays_offline() {
    let models = models(&[]).unwrap();
    assert_eq!(models.roles.get(ModelRole::Main).name(), "offline-grammar");
    assert!(models.vision.is_none());
    assert_eq!(Arc::strong_count(models.roles.get(ModelRole::Main)), 7, "six roles and the name share one");
}

#[test]
fn a_missing_key_stops_the_start() {
    let given =
        [("model.base_url", text("http://a/v1")), ("model.name", text("m")), ("model.api_key_env", text("NO_KEY"))];
    let error = models(&given).err().unwrap();
    assert_eq!(error, "model \"m\" has no key: the environment variable \"NO_KEY\" is not set");
}
