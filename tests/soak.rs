//! Many goals against a server that misbehaves at random, some cancelled: each ends with an answer or a typed refusal, in time, and
//! nothing is left behind. `make soak` runs a thousand and measures; what CI runs looks at outcomes only.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use crate::support::{
    analytic_scene::{Random, small_camera},
    local_server::{EVENTS, LocalServer, Step, answer, end_events, good_stream, head, text_event},
    robot::{self, cell, question, served_app},
    tabletop,
};

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use spatialclaw::{
    agent::{EventSink, Outcome},
    answer::AnswerValue,
    app::{App, Question},
    config::ParameterValue,
    error_code::ErrorCode,
};
use tokio_util::sync::CancellationToken;

const MUG_M: f64 = 0.10;
/// What a goal may take past its deadline.
const MAX_LATE: Duration = Duration::from_millis(100);
/// Goals that run side by side.
const N_AT_ONCE: usize = 4;

/// Numbers that belong to `seed` and nothing else.
fn random(seed: u64) -> Random {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..4).for_each(|_| {
        random.next_u64();
    });
    random
}

fn below(random: &mut Random, n: u64) -> u64 {
    (random.next_u64() >> 11) % n
}

fn measuring() -> String {
    cell("Measure.", "let mug = tools.Scene.find(\"mug\");\nReturnAnswer(tools.Geometry.height(mug));")
}

/// What the n-th connection does: mostly what it should, else one of the things that servers and models do.
fn behaviour(seed: u64, n: usize) -> Vec<Step> {
    let mut random = random(seed ^ (n as u64) << 20);
    let begun = || Step::Send([head("200 OK", EVENTS), text_event("**Purp")].concat());
    // A server that fails three times in a row is left alone for a while, which would leave little to see: most of it stalls.
    match below(&mut random, 40) {
        0..14 => good_stream(&measuring()),
        14 => good_stream(&cell("Look.", "let mug = tools.Scene.find(\"mug\");\nprint(mug.center);")),
        15 => good_stream("I would rather talk about the weather."),
        16 => good_stream(&cell("Go round.", "let i = 0;\nloop { i += 1; }")),
        17..24 => vec![Step::Hang],
        24..29 => vec![begun(), Step::Hang],
        29..33 => vec![begun(), Step::Drip(text_event("never ending story").repeat(100), Duration::from_millis(3))],
        33 => answer("500 Internal Server Error", "text/plain", "boom"),
        34 => answer("429 Too Many Requests", "text/plain", "slow down"),
        35 => vec![Step::Send([head("200 OK", EVENTS), b"data: {\"choices\":[{\"del".to_vec()].concat())],
        36 => vec![],
        37 => vec![begun(), Step::Repeat(text_event(&"x".repeat(4000)), 4000)],
        _ => {
            let wait = Duration::from_millis(50 + below(&mut random, 300));
            let late = [head("200 OK", EVENTS), text_event(&measuring()), end_events()].concat();
            vec![Step::Wait(wait), Step::Send(late)]
        }
    }
}

fn parameters(url: &str) -> BTreeMap<String, ParameterValue> {
    let (text, double) = (|text: &str| ParameterValue::String(text.to_owned()), ParameterValue::Double);
    [
        ("model.base_url", text(url)),
        ("model.name", text("m")),
        ("model.retry_secs", double(1.0)),
        // Nobody stands in, so that stalls reach the deadline.
        ("model.fallback.offline", ParameterValue::Bool(false)),
        ("agent.reflection.enabled", ParameterValue::Bool(true)),
        ("tf.wait_secs", double(0.0)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// How one goal went.
struct Went {
    outcome: Outcome,
    /// From its deadline to its end, when it went on longer.
    late: Option<Duration>,
    /// From its cancel to its end, when it was cancelled before.
    to_cancelled: Option<Duration>,
}

async fn goal(app: Arc<App>, seed: u64, n: usize) -> Went {
    let mut random = random(seed.wrapping_add(7) ^ n as u64);
    let deadline = Duration::from_millis(250 + below(&mut random, 1000));
    let cancel_after = (below(&mut random, 10) < 4).then(|| Duration::from_millis(below(&mut random, 900)));
    let conversation_id = match below(&mut random, 3) {
        0 => format!("c{}", below(&mut random, 6)),
        _ => String::new(),
    };
    let question = Question { conversation_id, record: false, ..question(&format!("g{n}"), "How tall is the mug?") };
    let cancel = CancellationToken::new();
    let events: EventSink = Arc::new(|_| {});
    let start = Instant::now();
    let asking = tokio::spawn(app.ask(question, start, start + deadline, events, cancel.clone()));
    let canceller = cancel_after.map(|after| {
        tokio::spawn(async move {
            tokio::time::sleep_until((start + after).into()).await;
            let at = Instant::now();
            cancel.cancel();
            at
        })
    });
    let outcome = asking.await.unwrap();
    let end = Instant::now();
    let cancelled_at = match canceller {
        Some(canceller) if canceller.is_finished() => Some(canceller.await.unwrap()),
        Some(canceller) => {
            canceller.abort();
            None
        }
        None => None,
    };
    let is_cancelled = outcome.result.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::Canceled);
    Went {
        late: end.checked_duration_since(start + deadline),
        to_cancelled: cancelled_at.filter(|_| is_cancelled).map(|at| end.saturating_duration_since(at)),
        outcome,
    }
}

fn check(went: &Went) {
    match &went.outcome.result {
        Ok(answer) => {
            let AnswerValue::Number(height) = &answer.value else { panic!("{answer:?}") };
            assert!((height.value() - MUG_M).abs() < 0.02, "{height}");
        }
        Err(refusal) => {
            let expected = [
                ErrorCode::Canceled,
                ErrorCode::ConversationBusy,
                ErrorCode::DeadlineExceeded,
                ErrorCode::ModelUnavailable,
                ErrorCode::NoAnswer,
                ErrorCode::BudgetExceeded,
            ];
            assert!(expected.contains(&refusal.code) && !refusal.message.is_empty(), "{refusal:?}");
        }
    }
}

fn count(counts: &mut BTreeMap<&'static str, usize>, went: &Went) {
    let name = match &went.outcome.result {
        Ok(_) => "answered",
        Err(refusal) => refusal.code.name(),
    };
    *counts.entry(name).or_default() += 1;
}

fn run(n_goals: usize, seed: u64, mut each: impl FnMut(usize, Went)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = LocalServer::play_by(move |n| behaviour(seed, n)).await;
        let (app, clock) = served_app(parameters(&server.url()));
        robot::show_at(&app, &clock, 0.0, &tabletop::bodies(tabletop::MUG_SHIFT_M), &small_camera());
        let mut goals =
            stream::iter(0..n_goals).map(|n| goal(app.clone(), seed, n)).buffer_unordered(N_AT_ONCE).enumerate();
        while let Some((n, went)) = goals.next().await {
            each(n, went);
        }
        drop(goals);
        // Every goal has let go of the service, whatever became of it.
        for _ in 0..1000 {
            if Arc::strong_count(&app) == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} still hold the service", Arc::strong_count(&app) - 1);
    });
}

#[test]
fn goals_end_with_an_answer_or_a_typed_refusal_whatever_the_server_does() {
    let (mut counts, mut n_cancelled) = (BTreeMap::new(), 0);
    run(60, 1, |_, went| {
        check(&went);
        count(&mut counts, &went);
        n_cancelled += usize::from(went.to_cancelled.is_some());
    });
    println!("{counts:?}");
    assert_eq!(counts.get("CANCELED").copied().unwrap_or_default(), n_cancelled, "nobody else cancels");
    assert!(counts.len() >= 3 && counts["answered"] >= 5, "{counts:?}");
}

fn resident_bytes() -> usize {
    let pages: usize = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn percentiles(what: &str, durations: &mut [Duration]) {
    durations.sort();
    let at = |share: f64| {
        let position = ((durations.len() as f64 * share).ceil() as usize).clamp(1, durations.len());
        durations[position - 1].as_secs_f64() * 1e3
    };
    if durations.is_empty() {
        println!("{what}: none");
        return;
    }
    println!(
        "{what}: {} goals; median {:.1} ms, 90 % {:.1} ms, 99 % {:.1} ms, worst {:.1} ms",
        durations.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// `make soak`. SPATIALCLAW_SOAK_GOALS and SPATIALCLAW_SOAK_SEED change what it does.
#[test]
#[ignore = "measures times for minutes: make soak"]
fn a_thousand_goals_end_in_time_and_leave_no_memory_behind() {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (n_goals, seed) = (number("SPATIALCLAW_SOAK_GOALS", 1000) as usize, number("SPATIALCLAW_SOAK_SEED", 1));
    let (mut counts, mut late, mut to_cancelled) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut resident: Vec<(usize, usize)> = Vec::new();
    let started = Instant::now();
    run(n_goals, seed, |n, went| {
        check(&went);
        count(&mut counts, &went);
        late.extend(went.late);
        if let Some(late) = went.late.filter(|late| *late > MAX_LATE) {
            println!("{:.0} ms late: {:?}", late.as_secs_f64() * 1e3, went.outcome);
        }
        to_cancelled.extend(went.to_cancelled);
        if (n + 1) % (n_goals / 5).max(1) == 0 {
            resident.push((n + 1, resident_bytes()));
        }
    });
    println!("{n_goals} goals in {:.0} s, {N_AT_ONCE} at once: {counts:?}", started.elapsed().as_secs_f64());
    percentiles("past the deadline", &mut late);
    percentiles("from cancel to CANCELED", &mut to_cancelled);
    for (n, bytes) in &resident {
        println!("resident after {n} goals: {:.1} MiB", *bytes as f64 / f64::from(1 << 20));
    }
    assert!(late.last().is_none_or(|worst| *worst < MAX_LATE));
    assert!(to_cancelled.last().is_none_or(|worst| *worst < Duration::from_millis(200)));
    let (first, last) = (resident.first().unwrap().1, resident.last().unwrap().1);
    assert!(last < first + (24 << 20), "memory grew from {first} to {last} bytes");
}
