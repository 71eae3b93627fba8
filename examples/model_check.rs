//! Asks a chat-completions server three things and says what came: a streamed reply, a reply bound to a JSON schema, and a reply that
//! is cancelled while it is written.
//!
//! `cargo run --example model_check -- http://127.0.0.1:8080/v1 NAME [vllm|sglang|llama.cpp|ollama|gemini|openai] [KEY_VARIABLE]`

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use spatialclaw::llm::{
    ChatModel, ChatRequest, Delta, DeltaSink, Message, ModelError, ResponseSchema, Role,
    http::{ApiKey, Connector, HttpModel, HttpSettings},
    presets::{Preset, Server},
};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let base_url = arguments.next().context("expected an address such as http://127.0.0.1:8080/v1")?;
    let preset = Preset::named("generic").context("no preset \"generic\"")?;
    let mut settings = HttpSettings::from_preset(preset, base_url.parse().context("the address cannot be read")?);
    settings.model = arguments.next().context("expected the model's name")?;
    if let Some(name) = arguments.next() {
        let position = Server::NAMES.iter().position(|known| *known == name);
        settings.server = position.and_then(Server::at).with_context(|| format!("no server {name:?}"))?;
    }
    if let Some(variable) = arguments.next() {
        settings.key = Some(ApiKey::from_env(&variable, |name| std::env::var(name).ok())?);
    }
    settings.sampling.temperature = Some(0.0);
    settings.sampling.max_tokens = Some(256);
    let connector = Connector::new(None)?;
    let model = HttpModel::new(settings.clone(), &connector)?;
    streamed(&model).await?;
    with_schema(&model).await?;
    settings.sampling.max_tokens = Some(4096);
    cancelled(&HttpModel::new(settings, &connector)?).await?;
    println!("all three went well");
    Ok(())
}

fn asking(question: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![
            Message::new(Role::System, "You answer in one short sentence."),
            Message::new(Role::User, question),
        ],
        deadline: Some(Instant::now() + Duration::from_secs(120)),
        ..ChatRequest::default()
    }
}

/// A sink that counts pieces, and their number.
fn counting() -> (DeltaSink, Arc<AtomicUsize>) {
    let n_pieces = Arc::new(AtomicUsize::new(0));
    let counted = n_pieces.clone();
    let sink = DeltaSink::new(move |delta| {
        if matches!(delta, Delta::Text(_)) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (sink, n_pieces)
}

async fn streamed(model: &HttpModel) -> Result<()> {
    let (sink, n_pieces) = counting();
    let started = Instant::now();
    let request = ChatRequest { on_delta: Some(sink), ..asking("What does a depth camera measure?") };
    let reply = model.complete(&request).await?;
    let n_pieces = n_pieces.load(Ordering::Relaxed);
    println!(
        "stream: {n_pieces} pieces in {:.2} s, {:?}, {:?}",
        started.elapsed().as_secs_f64(),
        reply.finish,
        reply.usage
    );
    println!("stream: {:?}", reply.text);
    ensure!(n_pieces > 1, "the reply came in one piece: it was not streamed");
    ensure!(reply.usage.n_completion_tokens > 0, "the server told no usage");
    Ok(())
}

async fn with_schema(model: &HttpModel) -> Result<()> {
    let schema = serde_json::json!({
        "type": "object",
        "properties": { "object": { "type": "string", "enum": ["mug", "bowl"] }, "is_near": { "type": "boolean" } },
        "required": ["object", "is_near"],
        "additionalProperties": false,
    });
    let response_schema = Some(ResponseSchema { name: "sighting".to_owned(), schema });
    let request = ChatRequest { response_schema, ..asking("The mug is close to the robot. Which object is near?") };
    let reply = model.complete(&request).await?;
    println!("schema: {:?}, {:?}", reply.text, reply.usage);
    let value: serde_json::Value = serde_json::from_str(&reply.text).context("the reply is no JSON")?;
    ensure!(value["object"] == "mug" || value["object"] == "bowl", "the object is {}", value["object"]);
    ensure!(value["is_near"].is_boolean(), "is_near is {}", value["is_near"]);
    Ok(())
}

async fn cancelled(model: &HttpModel) -> Result<()> {
    let begun = Arc::new(tokio::sync::Notify::new());
    let (told, n_pieces) = (begun.clone(), AtomicUsize::new(0));
    let sink = DeltaSink::new(move |_| {
        if n_pieces.fetch_add(1, Ordering::Relaxed) == 3 {
            told.notify_one();
        }
    });
    let question =
        Message::new(Role::User, "Write a very long story about a robot that looks for a mug, with many chapters.");
    let long = ChatRequest { messages: vec![question], ..asking("") };
    let request = ChatRequest { on_delta: Some(sink), ..long.clone() };
    tokio::select! {
        reply = model.complete(&request) => anyhow::bail!("it ended before it could be cancelled: {reply:?}"),
        () = begun.notified() => println!("cancel: after the fourth piece"),
    }
    let deadline = Instant::now() + Duration::from_millis(400);
    let late = model.complete(&ChatRequest { deadline: Some(deadline), ..long }).await;
    println!("deadline: {late:?}, {:.1} ms late", deadline.elapsed().as_secs_f64() * 1e3);
    ensure!(matches!(late, Err(ModelError::DeadlineExceeded { .. })), "the deadline was not noticed");
    // A server with one place can only take the next question when it has noticed that the last caller is gone.
    let started = Instant::now();
    let next = model.complete(&asking("Say yes.")).await?;
    println!(
        "next: {:?} after {:.2} s",
        next.text.chars().take(60).collect::<String>(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}
