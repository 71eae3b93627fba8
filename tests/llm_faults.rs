//! Servers that misbehave: each fault has its own error, within its bounds of time and memory, and the next call works.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use local_server::{EVENTS, LocalServer, Step, answer, end_events, good_stream, head, text_event};
use spatialclaw::llm::{
    ChatModel, ChatReply, ChatRequest, DeltaSink, Message, ModelError, Role, TimeLimit,
    http::{ApiKey, Connector, HttpLimits, HttpModel, HttpSettings},
    presets::Preset,
};

use crate::support::{local_server, written_log::WrittenLog};

const SECRET: &str = "sk-very-secret-0123456789";

fn limits() -> HttpLimits {
    HttpLimits {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(20),
        max_reply_bytes: 1 << 20,
        max_event_bytes: 64 << 10,
    }
}

fn model_with(url: &str, limits: HttpLimits, connector: &Connector) -> HttpModel {
    let mut settings = HttpSettings::from_preset(Preset::named("generic").unwrap(), url.parse().unwrap());
    settings.model = "m".to_owned();
    settings.limits = limits;
    settings.key = Some(ApiKey::from_env("TEST_KEY", |_| Some(SECRET.to_owned())).unwrap());
    HttpModel::new(settings, connector).unwrap()
}

fn model(url: &str, limits: HttpLimits) -> HttpModel {
    model_with(url, limits, &Connector::new(None).unwrap())
}

fn request() -> ChatRequest {
    ChatRequest { messages: vec![Message::new(Role::User, "how far?")], ..ChatRequest::default() }
}

async fn ask(model: &HttpModel) -> Result<ChatReply, ModelError> {
    let result = model.complete(&request()).await;
    if let Err(error) = &result {
        let texts = format!("{error} {error:?} {model:?}", model = model.settings());
        assert!(!texts.contains(SECRET), "{texts}");
    }
    result
}

/// A server plays `steps` once and behaves afterwards: the same model must work again.
async fn fault(steps: Vec<Step>, limits: HttpLimits) -> ModelError {
    let server = LocalServer::play(vec![steps, good_stream("fine")]).await;
    let model = model(&server.url(), limits);
    let error = ask(&model).await.unwrap_err();
    assert_eq!(ask(&model).await.unwrap().text, "fine", "after {error}");
    error
}

fn json_error(status: &str, body: &str) -> Vec<Step> {
    answer(status, "application/json", body)
}

#[tokio::test]
async fn what_waiting_cannot_cure_is_told_apart_from_what_it_can() {
    let check = async |steps: Vec<Step>, is_transient: bool, text: &str| {
        let error = fault(steps, limits()).await;
        assert_eq!((error.to_string().as_str(), error.is_transient()), (text, is_transient));
    };
    check(
        json_error(
            "401 Unauthorized",
            &format!(r#"{{"error":{{"message":"Incorrect API key provided: {SECRET}."}}}}"#),
        ),
        false,
        "model \"m\" refuses the key in the environment variable TEST_KEY: Incorrect API key provided: [key].",
    )
    .await;
    check(
        json_error(
            "400 Bad Request",
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
        ),
        false,
        "model \"m\" refuses the key in the environment variable TEST_KEY: API key not valid. Please pass a valid API key.",
    )
    .await;
    check(
        json_error(
            "429 Too Many Requests",
            r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#,
        ),
        false,
        "model \"m\" refuses the key in the environment variable TEST_KEY: You exceeded your quota",
    )
    .await;
    check(
        json_error("404 Not Found", r#"{"object":"error","message":"The model `m` does not exist.","code":404}"#),
        false,
        "model \"m\" is unknown to its server: The model `m` does not exist.",
    )
    .await;
    check(
        json_error("400 Bad Request", r#"{"error":{"message":"unknown field top_k"}}"#),
        false,
        "model \"m\" does not take the request (status 400): unknown field top_k",
    )
    .await;
    check(
        json_error(
            "400 Bad Request",
            r#"{"error":{"code":400,"message":"request (9000 tokens) exceeds the available context size (4096 tokens)","type":"exceed_context_size_error"}}"#,
        ),
        false,
        "the conversation is too long for model \"m\": request (9000 tokens) exceeds the available context size (4096 tokens)",
    )
    .await;
    check(
        json_error("500 Internal Server Error", r#"{"error":"boom"}"#),
        true,
        "the server of model \"m\" failed (status 500): boom",
    )
    .await;
    check(
        json_error("503 Service Unavailable", r#"{"error":{"code":503,"message":"Loading model"}}"#),
        true,
        "model \"m\" is overloaded (status 503): Loading model",
    )
    .await;
}

#[tokio::test]
async fn a_wrong_address_says_what_addresses_look_like() {
    let server =
        LocalServer::play(vec![answer("404 Not Found", "application/json", r#"{"detail":"Not Found"}"#)]).await;
    let error = ask(&model(&server.url(), limits())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "model \"m\" does not take the request (status 404): nothing takes questions at {}/chat/completions; most \
             addresses end in /v1: Not Found",
            server.url()
        )
    );
}

#[tokio::test]
async fn overload_carries_how_long_to_wait() {
    let check = async |headers: &[(&str, &str)], expected: Option<u64>| {
        let steps = vec![Step::Send([head("429 Too Many Requests", headers), b"slow down".to_vec()].concat())];
        let error = fault(steps, limits()).await;
        assert!(matches!(error, ModelError::Overloaded { status: 429, .. }), "{error}");
        assert_eq!(error.retry_after(), expected.map(Duration::from_secs));
    };
    check(&[("Retry-After", "7")], Some(7)).await;
    check(&[], None).await;
    check(&[("Retry-After", "-1")], None).await;
    let date = ("Date", "Wed, 21 Oct 2015 07:28:00 GMT");
    check(&[date, ("Retry-After", "Wed, 21 Oct 2015 07:28:30 GMT")], Some(30)).await;
    check(&[date, ("Retry-After", "Wed, 21 Oct 2015 07:27:30 GMT")], Some(0)).await;
    check(&[("Retry-After", "1e300")], Some(86_400)).await;
}

#[tokio::test]
async fn nobody_listens() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(&model(&format!("http://{closed}/v1"), limits())).await.unwrap_err();
    assert!(matches!(&error, ModelError::Unavailable { .. }) && error.is_transient(), "{error:?}");
    assert_eq!(error.to_string(), format!("model \"m\" is unavailable: Connection refused (os error 111) ({closed})"));
}

#[tokio::test]
async fn connections_that_are_not_trusted_are_refused() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    let server = LocalServer::play_tls(vec![good_stream("sealed")], certificate, key).await;
    let url = format!("https://{}/v1", server.address);
    let error = ask(&model(&url, limits())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "model \"m\" is unavailable: no trusted connection: invalid peer certificate: UnknownIssuer"
    );
    assert!(!error.is_transient());

    let file = std::env::temp_dir().join(format!("spatialclaw-ca-{}.pem", std::process::id()));
    std::fs::write(&file, made.cert.pem()).unwrap();
    let connector = Connector::new(Some(&file)).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ask(&model_with(&url, limits(), &connector)).await.unwrap().text, "sealed");

    let plain = LocalServer::play(vec![answer("200 OK", "text/plain", "no TLS here")]).await;
    // What is sent is no request, so the server waits for one; the client must not.
    let short = HttpLimits { first_byte: Duration::from_millis(300), ..limits() };
    let error = ask(&model(&format!("https://{}/v1", plain.address), short)).await.unwrap_err();
    assert!(matches!(error, ModelError::TooSlow { what: TimeLimit::FirstByte, .. }), "{error}");
}

#[tokio::test]
async fn a_file_without_certificates_is_refused() {
    let file = std::env::temp_dir().join(format!("spatialclaw-no-ca-{}.pem", std::process::id()));
    std::fs::write(&file, "hello").unwrap();
    let error = Connector::new(Some(&file)).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(error.starts_with("no certificate can be read from the file: it holds none; expected PEM"), "{error}");
}

#[tokio::test]
async fn redirects_are_named_and_not_followed() {
    let target = LocalServer::play(vec![good_stream("followed")]).await;
    let check = async |location: &str, to: &str| {
        let steps = vec![Step::Send(head("307 Temporary Redirect", &[("Location", location)]))];
        let error = fault(steps, limits()).await;
        assert_eq!(error, ModelError::Redirected { model: "m".into(), status: 307, to: to.into() });
    };
    let host = format!("http://{}", target.address);
    check(&format!("{host}/v1/chat/completions?key={SECRET}"), &host).await;
    check("/elsewhere", "another path on the same host").await;
    check("", "an address that cannot be read").await;
    assert!(target.received().is_empty());
}

#[tokio::test]
async fn what_is_no_reply_says_what_was_found() {
    let check = async |steps: Vec<Step>, is_broken_off: bool, text: &str| {
        let error = fault(steps, limits()).await;
        assert_eq!(error.to_string(), format!("model \"m\" sent no usable reply: {text}"));
        assert_eq!(error.is_transient(), is_broken_off);
    };
    check(
        answer("200 OK", "text/html; charset=utf-8", "<html>log in</html>"),
        false,
        "its content type is text/html; charset=utf-8, expected text/event-stream or application/json",
    )
    .await;
    check(
        vec![Step::Send(head("200 OK", &[]))],
        false,
        "its content type is missing, expected text/event-stream or application/json",
    )
    .await;
    check(answer("200 OK", "application/json", r#"{"choices":[]}"#), true, "it holds no choice, expected one").await;
    check(answer("200 OK", "text/event-stream", "data: [DONE]\n\n"), true, "it holds no choice, expected one").await;
    let half = [head("200 OK", EVENTS), text_event("so fa"), b"data: {\"choices\":[{\"del".to_vec()].concat();
    check(
        vec![Step::Send(half)],
        true,
        "an event is not the JSON of this protocol (EOF while parsing a string at line 1 column 17): \"{\\\"choices\\\":[{\\\"del\"",
    )
    .await;
    let early = [head("200 OK", EVENTS), text_event("so fa")].concat();
    check(vec![Step::Send(early)], true, "the stream ended before the reply did").await;
}

#[tokio::test]
async fn an_error_within_a_stream_is_the_servers() {
    let events = b"data: {\"error\":{\"message\":\"worker died\",\"code\":502}}\n\n".to_vec();
    let error = fault(vec![Step::Send([head("200 OK", EVENTS), text_event("a"), events].concat())], limits()).await;
    assert_eq!(error.to_string(), "the server of model \"m\" failed (status 502): worker died");
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_reply_is_broken_off() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n".to_vec();
    let error = fault(vec![Step::Send([head, text_event("so fa")].concat())], limits()).await;
    assert!(matches!(&error, ModelError::BadReply { is_broken_off: true, .. }), "{error:?}");
}

#[tokio::test]
async fn limits_of_time_are_told_apart_and_held() {
    let check = async |steps: Vec<Step>, changed: HttpLimits, expected: TimeLimit, limit: Duration| {
        let started = Instant::now();
        let server = LocalServer::play(vec![steps]).await;
        let error = ask(&model(&server.url(), changed)).await.unwrap_err();
        assert_eq!(error, ModelError::TooSlow { model: "m".into(), what: expected, limit });
        assert!(started.elapsed() < limit + Duration::from_millis(400), "{:?}", started.elapsed());
        server.wait_until_closed().await;
    };
    let limit = Duration::from_millis(200);
    let first_byte = HttpLimits { first_byte: limit, ..limits() };
    check(vec![Step::Hang], first_byte, TimeLimit::FirstByte, limit).await;
    check(vec![Step::Send(head("200 OK", EVENTS)), Step::Hang], first_byte, TimeLimit::FirstByte, limit).await;
    let begun = Step::Send([head("200 OK", EVENTS), text_event("so")].concat());
    check(vec![begun.clone(), Step::Hang], HttpLimits { idle: limit, ..limits() }, TimeLimit::Idle, limit).await;
    let drip = Step::Drip(text_event("never ending story").repeat(100), Duration::from_millis(5));
    check(vec![begun, drip], HttpLimits { total: limit, ..limits() }, TimeLimit::Total, limit).await;
}

#[tokio::test]
async fn the_goals_deadline_is_held_within_100_ms_whatever_the_server_does() {
    let begun = Step::Send([head("200 OK", EVENTS), text_event("so")].concat());
    let drip = Step::Drip(text_event("never ending story").repeat(100), Duration::from_millis(5));
    for steps in [vec![Step::Hang], vec![begun.clone(), Step::Hang], vec![begun, drip]] {
        let server = LocalServer::play(vec![steps]).await;
        let model = model(&server.url(), limits());
        let deadline = Instant::now() + Duration::from_millis(250);
        let error = model.complete(&ChatRequest { deadline: Some(deadline), ..request() }).await.unwrap_err();
        let late = Instant::now().saturating_duration_since(deadline);
        assert_eq!(error, ModelError::DeadlineExceeded { model: "m".into() });
        assert!(late < Duration::from_millis(100), "{late:?} late");
        server.wait_until_closed().await;
    }
    let past = ChatRequest { deadline: Some(Instant::now()), ..request() };
    let error = model("http://127.0.0.1:9/v1", limits()).complete(&past).await.unwrap_err();
    assert_eq!(error, ModelError::DeadlineExceeded { model: "m".into() });
}

#[tokio::test]
async fn a_reply_of_100_megabytes_is_cut_at_the_limit() {
    /// What may lie in the sockets' buffers when the client turns away.
    const IN_FLIGHT_BYTES: usize = 12 << 20;
    let check = async |steps: Vec<Step>, what: &str, max_bytes: usize| {
        let server = LocalServer::play(vec![steps]).await;
        let error = ask(&model(&server.url(), limits())).await.unwrap_err();
        assert_eq!(error.to_string(), format!("model \"m\" sent {what} of more than {max_bytes} bytes"));
        server.wait_until_closed().await;
        assert!(server.n_sent_bytes() < IN_FLIGHT_BYTES, "{} bytes were read or in flight", server.n_sent_bytes());
    };
    let begin = |content_type: &str| Step::Send(head("200 OK", &[("Content-Type", content_type)]));
    let n = (100 << 20) / (1 << 10);
    let event = text_event(&"x".repeat(950));
    check(vec![begin("text/event-stream"), Step::Repeat(event, n)], "a reply", 1 << 20).await;
    check(vec![begin("text/event-stream"), Step::Repeat(vec![b'x'; 1 << 10], n)], "an event", 64 << 10).await;
    check(vec![begin("text/event-stream"), Step::Repeat(b"data: xxxxxxxx\n".repeat(64), n)], "an event", 64 << 10)
        .await;
    check(vec![begin("application/json"), Step::Repeat(vec![b' '; 1 << 10], n)], "a reply", 1 << 20).await;
}

#[tokio::test]
async fn an_endless_error_page_is_cut_too() {
    let begin = Step::Send(head("500 Internal Server Error", &[]));
    let server = LocalServer::play(vec![vec![begin, Step::Repeat(vec![b'x'; 1 << 10], 100 << 10)]]).await;
    let error = ask(&model(&server.url(), limits())).await.unwrap_err();
    assert!(matches!(&error, ModelError::ServerFailed { status: 500, reason, .. } if reason.len() < 400), "{error}");
    server.wait_until_closed().await;
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection_in_mid_stream() {
    let begun = Step::Send([head("200 OK", EVENTS), text_event("so")].concat());
    let server = LocalServer::play(vec![vec![begun, Step::Hang]]).await;
    let model = model(&server.url(), limits());
    let heard = Arc::new(Mutex::new(String::new()));
    let (hearing, begun) = (heard.clone(), Arc::new(tokio::sync::Notify::new()));
    let told = begun.clone();
    let sink = DeltaSink::new(move |delta| {
        hearing.lock().unwrap().push_str(&format!("{delta:?}"));
        told.notify_one();
    });
    let task = tokio::spawn(async move {
        let request = ChatRequest { on_delta: Some(sink), ..request() };
        model.complete(&request).await
    });
    begun.notified().await;
    let cancelled = Instant::now();
    task.abort();
    let closed = server.wait_until_closed().await;
    assert!(closed - cancelled < Duration::from_millis(200), "{:?}", closed - cancelled);
    assert_eq!(*heard.lock().unwrap(), "Text(\"so\")");
}

/// Everything that is logged while requests fail and succeed, at the finest level of every crate.
#[test]
fn no_log_holds_the_key() {
    let written = WrittenLog::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let refused = json_error("401 Unauthorized", &format!(r#"{{"error":{{"message":"bad key {SECRET}"}}}}"#));
            let server = LocalServer::play(vec![refused, good_stream("fine")]).await;
            let model = model(&server.url(), limits());
            let error = ask(&model).await.unwrap_err();
            tracing::error!(%error, ?error, settings = ?model.settings(), "refused");
            ask(&model).await.unwrap();
            let sent = server.received().first().unwrap().header("authorization").map(str::to_owned);
            assert_eq!(sent, Some(format!("Bearer {SECRET}")));
        });
    });
    let log = written.text();
    assert!(log.contains("refused"), "{log}");
    assert!(log.lines().count() > 3, "too little is logged to prove anything: {log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn a_reply_that_has_ended_is_not_waited_for() {
    let server = LocalServer::play(vec![vec![
        Step::Send([head("200 OK", EVENTS), text_event("fine"), end_events()].concat()),
        Step::Hang,
    ]])
    .await;
    assert_eq!(ask(&model(&server.url(), limits())).await.unwrap().text, "fine");
}
