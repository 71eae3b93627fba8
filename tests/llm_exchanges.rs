//! Exchanges as the servers document them, in both directions: what we send and what we make of the answer.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::{fs, path::Path, sync::Arc};

use image::{Rgb, RgbImage};
use local_server::{LocalServer, Received, Step, head};
use proptest::prelude::*;
use serde_json::Value;
use spatialclaw::llm::{
    ChatModel, ChatReply, ChatRequest, FinishReason, Message, ModelError, Picture, Prices, ResponseSchema, Role,
    http::{ApiKey, Connector, HttpModel, HttpSettings},
    presets::{Preset, Server},
};

use crate::support::local_server;

fn fixtures() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llm");
    let mut found: Vec<(String, Value)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() >= 7, "only {} exchanges", found.len());
    found
}

fn settings(setup: &Value, server: &LocalServer) -> HttpSettings {
    let preset = Preset::named(setup["preset"].as_str().unwrap()).unwrap();
    let base = format!("http://{}{}", server.address, setup["base_path"].as_str().unwrap());
    let mut settings = HttpSettings::from_preset(preset, base.parse().unwrap());
    settings.sampling = preset.sampling(setup["thinking"].as_bool());
    if let Some(thinking) = setup["thinking"].as_bool() {
        settings.sampling.thinking = Some(thinking);
    }
    if let Some(name) = setup["server"].as_str() {
        settings.server = Server::at(Server::NAMES.iter().position(|known| *known == name).unwrap()).unwrap();
    }
    if let Some(model) = setup["model"].as_str() {
        settings.model = model.to_owned();
    }
    settings.sampling.temperature = setup["temperature"].as_f64().or(settings.sampling.temperature);
    settings.sampling.seed = setup["seed"].as_i64();
    if let Some([prompt, completion]) = setup["prices"].as_array().map(Vec::as_slice) {
        settings.prices = Prices {
            per_million_prompt_tokens: prompt.as_f64().unwrap(),
            per_million_completion_tokens: completion.as_f64().unwrap(),
        };
    }
    settings.key = Some(ApiKey::from_env("K", |_| Some("test-key".to_owned())).unwrap());
    settings
}

fn request(setup: &Value) -> ChatRequest {
    let picture = Picture {
        label: "InputImages[0]".to_owned(),
        image: Arc::new(RgbImage::from_pixel(16, 12, Rgb([200, 30, 30]))),
    };
    let n_pictures = setup["pictures"].as_u64().unwrap() as usize;
    let question = Message { pictures: vec![picture; n_pictures], ..Message::new(Role::User, "How far is the mug?") };
    ChatRequest {
        messages: vec![Message::new(Role::System, "You measure."), question],
        tools: setup["tools"].as_array().cloned().unwrap_or_default(),
        response_schema: setup
            .get("schema")
            .map(|schema| ResponseSchema { name: "answer".to_owned(), schema: schema.clone() }),
        ..ChatRequest::default()
    }
}

/// Every part of `expected` stands in `found`.
fn assert_holds(found: &Value, expected: &Value, place: &str) {
    match expected {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = found.get(name).unwrap_or_else(|| panic!("{place}.{name} is missing in {found}"));
                assert_holds(inner, value, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(found.as_array().map(Vec::len), Some(items.len()), "{place}: {found}");
            for (position, item) in items.iter().enumerate() {
                assert_holds(&found[position], item, &format!("{place}[{position}]"));
            }
        }
        Value::String(text) if text.ends_with('*') => {
            let start = text.trim_end_matches('*');
            assert!(found.as_str().is_some_and(|found| found.starts_with(start)), "{place}: {found}");
        }
        other => assert_eq!(found, other, "{place}"),
    }
}

fn assert_sent(received: &Received, expected: &Value) {
    assert_eq!(received.method, expected["method"].as_str().unwrap());
    assert_eq!(received.path, expected["path"].as_str().unwrap());
    for (name, value) in expected["headers"].as_object().unwrap() {
        assert_eq!(received.header(name), value.as_str(), "header {name}");
    }
    assert_holds(&received.body, &expected["body"], "body");
    for name in expected["absent"].as_array().unwrap() {
        assert_eq!(received.body.get(name.as_str().unwrap()), None, "{name} must not be sent");
    }
}

fn assert_reply(reply: &ChatReply, expected: &Value) {
    assert_eq!(reply.text, expected["text"].as_str().unwrap());
    assert_eq!(reply.thinking, expected["thinking"].as_str().unwrap());
    assert_eq!(format!("{:?}", reply.finish), expected["finish"].as_str().unwrap());
    let usage = &reply.usage;
    let counts = [
        ("prompt", usage.n_prompt_tokens),
        ("cached", usage.n_cached_tokens),
        ("completion", usage.n_completion_tokens),
        ("thinking_tokens", usage.n_thinking_tokens),
        ("cost_micro", usage.cost_micro),
    ];
    for (name, count) in counts {
        assert_eq!(count, expected[name].as_u64().unwrap_or(0), "{name}");
    }
    assert_eq!((usage.n_calls, usage.n_calls_uncounted), (1, 0));
    let calls: Vec<[&str; 3]> =
        reply.tool_calls.iter().map(|call| [&*call.id, &*call.name, &*call.arguments]).collect();
    let expected_calls: Vec<[&str; 3]> = expected["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| [0, 1, 2].map(|i| call[i].as_str().unwrap()))
        .collect();
    assert_eq!(calls, expected_calls);
}

fn response_head(fixture: &Value) -> Vec<u8> {
    let response = &fixture["response"];
    let headers: Vec<(&str, &str)> = response["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (&**name, value.as_str().unwrap()))
        .collect();
    head(response["status"].as_str().unwrap(), &headers)
}

/// The reply when the answer comes in pieces that end at `cuts`.
async fn exchange(fixture: &Value, cuts: &[usize]) -> (Result<ChatReply, ModelError>, Received) {
    let body = fixture["response"]["body"].as_str().unwrap().as_bytes();
    let mut steps = vec![Step::Send(response_head(fixture))];
    let ends: Vec<usize> = std::iter::once(0).chain(cuts.iter().copied()).chain([body.len()]).collect();
    steps.extend(ends.windows(2).map(|pair| Step::Send(body[pair[0]..pair[1]].to_vec())));
    let server = LocalServer::play(vec![steps]).await;
    let connector = Connector::new(None).unwrap();
    let model = HttpModel::new(settings(&fixture["setup"], &server), &connector).unwrap();
    let reply = model.complete(&request(&fixture["setup"])).await;
    (reply, server.received().remove(0))
}

#[tokio::test]
async fn every_server_gets_what_it_takes_and_is_understood() {
    for (name, fixture) in fixtures() {
        println!("{name}");
        let (reply, received) = exchange(&fixture, &[]).await;
        assert_sent(&received, &fixture["request"]);
        let reply = reply.unwrap();
        assert_reply(&reply, &fixture["reply"]);
        assert_eq!(reply.usage.n_sent_bytes, received.n_body_bytes as u64);
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn packets_may_end_anywhere(which in any::<prop::sample::Index>(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..8)) {
        let fixtures = fixtures();
        let (_, fixture) = which.get(&fixtures);
        let n_bytes = fixture["response"]["body"].as_str().unwrap().len();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(n_bytes)).collect();
        cuts.sort_unstable();
        let (reply, _) = block_on(exchange(fixture, &cuts));
        assert_reply(&reply.unwrap(), &fixture["reply"]);
    }
}

#[tokio::test]
async fn the_oldest_pictures_beyond_the_limit_are_named_and_left_out() {
    let fixture = fixtures().into_iter().find(|(name, _)| name == "vllm_stream").unwrap().1;
    let server = LocalServer::play(vec![local_server::good_stream("fine")]).await;
    let mut settings = settings(&fixture["setup"], &server);
    settings.pictures.max_pictures = 1;
    let model = HttpModel::new(settings, &Connector::new(None).unwrap()).unwrap();
    let mut request = request(&fixture["setup"]);
    let newer = request.messages[1].clone();
    request.messages.extend([Message::new(Role::Assistant, "I look."), newer]);
    model.complete(&request).await.unwrap();
    let body = server.received().remove(0).body;
    assert_eq!(body["messages"][1]["content"][1]["text"], "(InputImages[0]: this picture is no longer shown)");
    assert_eq!(body["messages"][3]["content"][2]["type"], "image_url");
}

#[tokio::test]
async fn what_the_model_called_goes_back_as_the_protocol_wants_it() {
    let fixture = fixtures().into_iter().find(|(name, _)| name == "openai_tool_call").unwrap().1;
    let (reply, _) = exchange(&fixture, &[]).await;
    let reply = reply.unwrap();
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    let server = LocalServer::play(vec![local_server::good_stream("fine")]).await;
    let model = HttpModel::new(settings(&fixture["setup"], &server), &Connector::new(None).unwrap()).unwrap();
    let mut request = request(&fixture["setup"]);
    let id = reply.tool_calls[0].id.clone();
    request.messages.push(Message { tool_calls: reply.tool_calls, ..Message::new(Role::Assistant, "") });
    request.messages.push(Message { tool_call_id: Some(id), ..Message::new(Role::Tool, "Object mug") });
    model.complete(&request).await.unwrap();
    let expected: Value = serde_json::from_str(
        r#"[
            { "role": "assistant", "content": "", "tool_calls": [{ "id": "call_D", "type": "function",
              "function": { "name": "tools_Scene_find", "arguments": "{\"name\":\"mug\"}" } }] },
            { "role": "tool", "content": "Object mug", "tool_call_id": "call_D" }
        ]"#,
    )
    .unwrap();
    let sent = server.received().remove(0).body;
    assert_eq!(Value::from(sent["messages"].as_array().unwrap()[2..].to_vec()), expected);
}
