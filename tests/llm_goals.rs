//! What a server's fault does to a goal: its own refusal, in time, and the next goal works.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use crate::support::{
    analytic_scene::small_camera,
    local_server::{EVENTS, LocalServer, Step, answer, good_stream, head, text_event},
    robot::{self, cell, question, served_app},
    tabletop,
};

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{EventSink, Outcome, Stage},
    answer::AnswerValue,
    app::{App, Question},
    config::ParameterValue,
    error_code::ErrorCode,
};
use tokio_util::sync::CancellationToken;

const MUG_M: f64 = 0.10;

fn text(value: &str) -> ParameterValue {
    ParameterValue::String(value.to_owned())
}

fn measuring() -> String {
    cell("Measure.", "let mug = tools.Scene.find(\"mug\");\nReturnAnswer(tools.Geometry.height(mug));")
}

/// A service that has this server and nothing to stand in for it.
fn app_of(url: &str, changes: &[(&str, ParameterValue)]) -> Arc<App> {
    let given = [
        ("model.base_url", text(url)),
        ("model.name", text("m")),
        ("model.retry_secs", ParameterValue::Double(0.0)),
        ("model.max_reply_megabytes", ParameterValue::Integer(1)),
        ("model.fallback.offline", ParameterValue::Bool(false)),
        ("agent.planning", ParameterValue::Bool(false)),
        ("agent.two_lines_of_evidence", ParameterValue::Bool(false)),
        ("agent.max_outages", ParameterValue::Integer(1)),
        ("tf.wait_secs", ParameterValue::Double(0.0)),
    ];
    let given: BTreeMap<String, ParameterValue> =
        given.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (app, clock) = served_app(given);
    robot::show_at(&app, &clock, 0.0, &tabletop::bodies(tabletop::MUG_SHIFT_M), &small_camera());
    app
}

async fn ask(app: &Arc<App>, deadline: Duration) -> Outcome {
    let question = Question { record: false, ..question("s", "How tall is the mug?") };
    let events: EventSink = Arc::new(|_| {});
    let now = Instant::now();
    app.clone().ask(question, now, now + deadline, events, CancellationToken::new()).await
}

fn assert_measured(outcome: &Outcome) {
    match outcome.result.as_ref().map(|answer| &answer.value) {
        Ok(AnswerValue::Number(height)) => assert!((height.value() - MUG_M).abs() < 0.02, "{height}"),
        other => panic!("{other:?}"),
    }
}

const LONG: Duration = Duration::from_secs(60);

/// The first connection misbehaves, all others are good.
async fn fault(steps: Vec<Step>, deadline: Duration, code: ErrorCode, message: &str) {
    let server = LocalServer::play(vec![steps, good_stream(&measuring())]).await;
    let app = app_of(&server.url(), &[]);
    let refusal = ask(&app, deadline).await.result.unwrap_err();
    assert!(refusal.code == code && refusal.message.contains(message), "{refusal:?}, wanted {code:?} and {message:?}");
    assert_measured(&ask(&app, LONG).await);
}

#[tokio::test]
async fn each_fault_of_a_server_has_its_refusal_and_the_next_goal_works() {
    let unavailable = ErrorCode::ModelUnavailable;
    let short = Duration::from_millis(400);
    let late = ErrorCode::DeadlineExceeded;
    let begun = || Step::Send([head("200 OK", EVENTS), text_event("**Purp")].concat());
    fault(answer("500 Internal Server Error", "text/plain", "boom"), LONG, unavailable, "status 500").await;
    fault(answer("200 OK", "text/html", "<html>"), LONG, unavailable, "content type is text/html").await;
    fault(answer("200 OK", "application/json", "{\"choices\":[]}"), LONG, unavailable, "no choice").await;
    let half = [head("200 OK", EVENTS), b"data: {\"choices\":[{\"del".to_vec()].concat();
    fault(vec![Step::Send(half)], LONG, unavailable, "not the JSON of this protocol").await;
    fault(vec![], LONG, unavailable, "model \"m\"").await;
    fault(vec![Step::Hang], short, late, "").await;
    fault(vec![begun(), Step::Hang], short, late, "").await;
    let drip = Step::Drip(text_event("never ending story").repeat(100), Duration::from_millis(5));
    fault(vec![begun(), drip], short, late, "").await;
    let flood = Step::Repeat(text_event(&"x".repeat(950)), 100 << 10);
    fault(vec![begun(), flood], LONG, unavailable, "more than 1048576 bytes").await;
}

/// After these the server is left alone for a while; another service asks it next, as after a restart with the mistake mended.
#[tokio::test]
async fn what_somebody_must_mend_says_so() {
    let check = async |steps: Vec<Step>, message: &str| {
        let server = LocalServer::play(vec![steps, good_stream(&measuring())]).await;
        let started = Instant::now();
        let refusal = ask(&app_of(&server.url(), &[]), LONG).await.result.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::ModelUnavailable);
        assert!(refusal.message.contains(message), "{}", refusal.message);
        assert!(started.elapsed() < LONG / 2, "it fails at once");
        assert_measured(&ask(&app_of(&server.url(), &[]), LONG).await);
    };
    let json = |status: &str, body: &str| answer(status, "application/json", body);
    check(json("401 Unauthorized", r#"{"error":{"message":"Incorrect API key"}}"#), "Incorrect API key").await;
    check(json("404 Not Found", r#"{"message":"The model `m` does not exist."}"#), "is unknown to its server").await;
    let location = [("Location", "http://198.51.100.7/v1/chat/completions")];
    check(vec![Step::Send(head("307 Temporary Redirect", &location))], "http://198.51.100.7").await;
    let busy = vec![Step::Send([head("429 Too Many Requests", &[("Retry-After", "30")]), b"slow".to_vec()].concat())];
    check(busy, "overloaded (status 429)").await;
}

#[tokio::test]
async fn a_server_that_is_gone_or_not_trusted_is_said_to_be() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusal = ask(&app_of(&format!("http://{closed}/v1"), &[]), LONG).await.result.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ModelUnavailable);
    assert!(refusal.message.contains("Connection refused"), "{}", refusal.message);
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    let sealed = LocalServer::play_tls(vec![good_stream(&measuring())], certificate, key).await;
    let refusal = ask(&app_of(&format!("https://{}/v1", sealed.address), &[]), LONG).await.result.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ModelUnavailable);
    assert!(refusal.message.contains("no trusted connection"), "{}", refusal.message);
}

/// An overloaded server says when to come back; within the goal's time that is waited for, and the goal is answered.
#[tokio::test]
async fn a_retry_after_within_the_deadline_is_waited_for() {
    let busy = vec![Step::Send([head("429 Too Many Requests", &[("Retry-After", "1")]), b"slow".to_vec()].concat())];
    let server = LocalServer::play(vec![busy, good_stream(&measuring())]).await;
    let app = app_of(&server.url(), &[("model.retry_secs", ParameterValue::Double(20.0))]);
    assert_measured(&ask(&app, LONG).await);
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert!(received[1].at - received[0].at >= Duration::from_millis(990));
}

#[tokio::test]
async fn planning_reviews_and_the_last_turn_have_their_own_models() {
    let main = LocalServer::play(vec![good_stream(&cell("Look.", "print(1);"))]).await;
    let planner = LocalServer::play(vec![good_stream("1. Find the mug.\n2. Measure it.")]).await;
    let reviewer =
        LocalServer::play(vec![good_stream("{\"status\": \"ok\", \"explanation\": \"\", \"suggestion\": \"\"}")]).await;
    let general = LocalServer::play(vec![good_stream(&measuring())]).await;
    let own = |role: &str, server: &LocalServer| {
        [(format!("model.{role}.base_url"), text(&server.url())), (format!("model.{role}.name"), text(role))]
    };
    let own: Vec<(String, ParameterValue)> =
        [own("planning", &planner), own("reflection", &reviewer), own("general", &general)]
            .into_iter()
            .flatten()
            .collect();
    let mut changes: Vec<(&str, ParameterValue)> =
        own.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    changes.extend([
        ("agent.planning", ParameterValue::Bool(true)),
        ("agent.reflection.enabled", ParameterValue::Bool(true)),
        ("agent.reflection.every_n_steps", ParameterValue::Integer(2)),
        ("max_steps", ParameterValue::Integer(3)),
        ("model.price_read", ParameterValue::Double(100.0)),
        ("model.price_written", ParameterValue::Double(1000.0)),
    ]);
    let app = app_of(&main.url(), &changes);
    let heard: Arc<Mutex<Vec<spatialclaw::agent::Event>>> = Arc::default();
    let hearing = heard.clone();
    let events: EventSink = Arc::new(move |event| hearing.lock().unwrap().push(event));
    let question = Question { record: false, ..question("s", "How tall is the mug?") };
    let now = Instant::now();
    let outcome = app.ask(question, now, now + LONG, events, CancellationToken::new()).await;
    assert_measured(&outcome);
    assert!(outcome.result.as_ref().unwrap().forced);
    let n_asked = [&planner, &main, &reviewer, &general].map(|server| server.received().len());
    assert_eq!(n_asked, [1, 3, 1, 1], "a plan, three cells, a review after two, the last turn");
    assert_eq!(outcome.models, ["planning", "m", "reflection", "general"]);
    assert_eq!((outcome.n_prompt_tokens, outcome.n_completion_tokens), (6 * 11, 6 * 3));
    let n_body_bytes: usize = [&planner, &main, &reviewer, &general]
        .iter()
        .flat_map(|server| server.received())
        .map(|r| r.n_body_bytes)
        .sum();
    assert_eq!(outcome.n_sent_bytes, n_body_bytes as u64);
    // Only roles at the main model's address share its prices, so the cost is that of the main model's three calls.
    assert_eq!(outcome.cost_micro, 3 * (11 * 100 + 3 * 1000));

    let heard = heard.lock().unwrap();
    for stage in [
        Stage::Snapshot,
        Stage::Plan,
        Stage::Generate,
        Stage::Check,
        Stage::Run,
        Stage::Observe,
        Stage::Reflect,
        Stage::Answer,
    ] {
        assert!(heard.iter().any(|event| event.stage == stage), "{stage:?}");
    }
    let last = heard.last().unwrap();
    assert_eq!((last.used.n_sent_bytes, last.used.cost_micro), (outcome.n_sent_bytes, outcome.cost_micro));
    assert!(heard.windows(2).all(|pair| pair[0].used.n_prompt_tokens <= pair[1].used.n_prompt_tokens));
}
