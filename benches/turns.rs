//! Our own time in each turn of a goal, and what a turn sends: `make overhead`.
//!
//! A server on this machine replies at once. What counts is the time from the last byte of a reply to the last byte of the next
//! request: reading the reply, running its cell, feedback, building and sending the request. The cells do nothing worth mentioning.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    missing_docs,
    reason = "a benchmark prints what it finds"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use spatialclaw::{
    agent::{Event, EventSink, Stage},
    app::{Question, When},
    config::ParameterValue,
};
use support::{
    analytic_scene::vga_camera,
    local_server::{EVENTS, end_events, head, text_event},
    robot::{self, cell, question, served_app},
    tabletop,
};
use tokio_util::sync::CancellationToken;

const N_FRAMES: usize = 8;
const N_TURNS: usize = 8;
const N_GOALS: usize = 12;

/// One exchange as the server saw it.
#[derive(Clone, Copy)]
struct Exchange {
    received: Instant,
    replied: Instant,
    n_bytes: usize,
}

fn main() {
    println!(
        "{N_GOALS} goals of {N_TURNS} turns, {N_FRAMES} new images of 640x480 px each, a server that replies at once\n"
    );
    for (name, grain) in [("smooth pictures", 0), ("grainy pictures", 12)] {
        measure(name, grain);
    }
}

fn measure(name: &str, grain: u8) {
    let log: Arc<Mutex<Vec<Exchange>>> = Arc::default();
    let url = serve(log.clone());
    let text = |text: &str| ParameterValue::String(text.to_owned());
    let given = [
        ("model.base_url", text(&url)),
        ("model.name", text("m")),
        ("agent.planning", ParameterValue::Bool(false)),
        ("tf.wait_secs", ParameterValue::Double(0.0)),
    ];
    let given: BTreeMap<String, ParameterValue> =
        given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (app, clock) = served_app(given);
    let heard: Arc<Mutex<Vec<(Instant, Event)>>> = Arc::default();
    let hearing = heard.clone();
    let events: EventSink = Arc::new(move |event| hearing.lock().unwrap().push((Instant::now(), event)));
    let bodies = tabletop::bodies(tabletop::MUG_SHIFT_M);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut first, mut later, mut whole, mut n_bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut parts: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let (mut n_tokens, mut n_pictures) = (0, 0);
    for goal in 0..N_GOALS {
        for frame in 0..N_FRAMES {
            let secs = (goal * 10) as f64 + frame as f64 * 0.5;
            robot::show_grainy_at(&app, &clock, secs, &bodies, &vga_camera(), grain);
        }
        log.lock().unwrap().clear();
        heard.lock().unwrap().clear();
        let question = Question {
            when: When::Last(Some(Duration::from_secs(5))),
            record: false,
            ..question(&format!("g{goal}"), "Is it quiet?")
        };
        let start = Instant::now();
        let asked =
            app.clone().ask(question, start, start + Duration::from_secs(60), events.clone(), CancellationToken::new());
        let outcome = runtime.block_on(asked);
        let end = Instant::now();
        assert!(outcome.result.is_ok(), "{outcome:?}");
        let log = log.lock().unwrap();
        assert_eq!(log.len(), N_TURNS);
        let heard = heard.lock().unwrap();
        let at = |stage: Stage, step: u32| {
            heard.iter().find(|(_, event)| event.stage == stage && event.step == step).map(|(at, _)| *at)
        };
        let generate = at(Stage::Generate, 1).unwrap();
        first.push(log[0].received - start);
        parts.entry("first turn: snapshot, kernel").or_default().push(generate - start);
        parts.entry("first turn: request with new pictures").or_default().push(log[0].received - generate);
        let mut own = (log[0].received - start) + (end - log[N_TURNS - 1].replied);
        for turn in 1..N_TURNS {
            let step = turn as u32;
            let (before, now) = (log[turn - 1], log[turn]);
            let (check, observed) = (at(Stage::Check, step).unwrap(), at(Stage::Observe, step).unwrap());
            let asks = at(Stage::Generate, step + 1).unwrap();
            later.push(now.received - before.replied);
            own += now.received - before.replied;
            parts.entry("later turns: reply read").or_default().push(check.saturating_duration_since(before.replied));
            parts.entry("later turns: cell").or_default().push(observed - check);
            parts.entry("later turns: feedback").or_default().push(asks - observed);
            parts.entry("later turns: request built and sent").or_default().push(now.received - asks);
        }
        whole.push(own / N_TURNS as u32);
        n_bytes.extend(log.iter().map(|exchange| exchange.n_bytes));
        let costs: Vec<_> = heard.iter().filter_map(|(_, event)| event.cost).collect();
        n_tokens = costs.iter().map(|cost| cost.n_estimated_tokens).sum::<u64>() / costs.len() as u64;
        n_pictures = costs[0].n_pictures;
    }
    println!("{name}");
    row("our own time in a turn, mean of a goal's turns", &mut whole);
    row("first turn", &mut first);
    row("later turns", &mut later);
    for (part, mut durations) in parts {
        row(&format!("  {part}"), &mut durations);
    }
    let mean = n_bytes.iter().sum::<usize>() / n_bytes.len();
    println!(
        "  {:.1} KiB a turn with {n_pictures} pictures ({:.1} KiB a picture at most), {n_tokens} tokens as estimated\n",
        mean as f64 / 1024.0,
        mean as f64 / 1024.0 / n_pictures as f64
    );
}

fn row(name: &str, durations: &mut [Duration]) {
    durations.sort();
    let at = |share: f64| durations[((durations.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!("  {name:<50} median {:7.2} ms, 95 % {:7.2} ms", at(0.5), at(0.95));
}

fn serve(log: Arc<Mutex<Vec<Exchange>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            exchange(stream.unwrap(), &log);
        }
    });
    url
}

fn exchange(mut stream: TcpStream, log: &Mutex<Vec<Exchange>>) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    let mut needed = usize::MAX;
    while bytes.len() < needed {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the client went away");
        bytes.extend_from_slice(&buffer[..n]);
        if needed == usize::MAX
            && let Some(end) = bytes.windows(4).take(1 << 14).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            needed = end + 4 + length.parse::<usize>().unwrap();
        }
    }
    let received = Instant::now();
    let turn = log.lock().unwrap().len();
    let code = if turn + 1 == N_TURNS {
        "ReturnAnswer(true);".to_owned()
    } else {
        format!("let x{turn} = {turn};\nprint(x{turn});")
    };
    let reply = [head("200 OK", EVENTS), text_event(&cell("Go on.", &code)), end_events()].concat();
    // Noted before it is sent: the client must not be faster than the note.
    log.lock().unwrap().push(Exchange { received, replied: Instant::now(), n_bytes: bytes.len() });
    stream.write_all(&reply).unwrap();
}
