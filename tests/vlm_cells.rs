//! `vlm` in cells: what the model says becomes pixels, absence and outage are told apart, and nothing outlives the goal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use crate::support::table_world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::FutureExt;
use spatialclaw::{
    agent::{Agent, Goal, Interface},
    answer::AnswerKind,
    kernel::{Cell, CellStatus, KernelHandle},
    llm::{ChatModel, ChatReply, ModelError, Role, scripted::ScriptedModel},
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::FrameId,
};
use table_world::{
    seeing_model::{SeeingModel, handle, long, plain_model, vision},
    *,
};
use tokio_util::sync::CancellationToken;

fn bench(model: Arc<dyn ChatModel>) -> Bench {
    bench_of(model, 1)
}

fn bench_of(model: Arc<dyn ChatModel>, n_views: usize) -> Bench {
    Bench::with(|context| {
        let mut view = front_view();
        let views = (0..n_views).map(|view_idx| {
            view.view_idx = view_idx;
            view.clone()
        });
        context.snapshot = Arc::new(snapshot_of(views.collect()));
        context.vlm = Some(handle(model, long()));
    })
}

fn located(places: &str) -> String {
    format!(r#"{{"visible": true, "reason": "There.", "points": [], "boxes": [{places}]}}"#)
}

/// The mug's box by the renderer's own label image, in thousandths of the picture's edges, comes back as the mask's pixels.
#[test]
fn the_box_of_the_mug_is_the_box_of_its_mask() {
    let mut plain = bench(plain_model());
    let truth = plain.prints(
        "let mask = tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\").get_mask(0, 0); print(mask.box);",
    );
    let truth: Vec<f64> =
        truth.trim().trim_matches(['[', ']']).split(", ").map(|number| number.parse().unwrap()).collect();
    let [u_min, v_min, u_max, v_max] = truth[..] else { panic!("{truth:?}") };
    let thousandth = |pixel: f64, n_pixels: f64| (pixel + 0.5) / n_pixels * 1000.0;
    let places = format!(
        r#"{{"picture": 1, "label": "mug", "x_min": {}, "y_min": {}, "x_max": {}, "y_max": {}}}"#,
        thousandth(u_min, 640.0),
        thousandth(v_min, 480.0),
        thousandth(u_max, 640.0),
        thousandth(v_max, 480.0),
    );
    let mut bench = bench(SeeingModel::new(move |_| located(&places)));
    let printed = bench.prints(
        "let mug = vlm.locate(InputImages[-1], \"the mug\"); let m = mug.marks[0];
         print([mug.visible, mug.boxes.len(), mug.points.len(), m.label, m.frame.camera]); for x in mug.boxes[0] { print(x); }",
    );
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "vlm.locate: \"the mug\" visible, 0 points, 1 boxes: There.");
    assert_eq!(lines[1], "[true, 1, 0, \"mug\", \"front\"]");
    let found: Vec<f64> = lines[2..].iter().map(|line| line.parse().unwrap()).collect();
    assert!(found.iter().zip(&truth).all(|(found, truth)| (found - truth).abs() < 1e-6), "{found:?} {truth:?}");
}

#[test]
fn what_is_not_there_is_no_error_and_has_no_place() {
    let absent = r#"{"visible": false, "reason": "Only a bowl.", "points": [], "boxes": []}"#;
    let mut bench = bench(SeeingModel::new(|_| absent.to_owned()));
    assert_eq!(
        bench.prints(
            "let cat = vlm.locate(InputImages, \"a cat\"); print([cat.visible, cat.reason, cat.boxes, cat.points]);"
        ),
        "vlm.locate: \"a cat\" not visible: Only a bowl.\n[false, \"Only a bowl.\", [], []]\n"
    );
}

#[test]
fn each_call_is_a_conversation_of_its_own_with_numbered_pictures_first() {
    let model = plain_model();
    let mut bench = bench_of(model.clone(), 2);
    bench.prints(
        "vlm.locate(InputImages, \"a  mug\\nplease\"); print(vlm.ask_with_thinking(InputImages[1], \"what is it?\"));",
    );
    let requests = model.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::User]);
        assert!(request.messages[1].pictures_first && request.deadline.is_some());
    }
    let labels: Vec<&str> = requests[0].messages[1].pictures.iter().map(|picture| &*picture.label).collect();
    assert_eq!(labels, ["Picture 1 (InputImages[0], camera front)", "Picture 2 (InputImages[1], camera front)"]);
    assert!(requests[0].messages[1].text.ends_with("point: a mug please"), "{}", requests[0].messages[1].text);
    assert_eq!(requests[1].messages[1].text, "what is it?");
    assert!(requests[0].response_schema.is_some() && requests[1].response_schema.is_none());
    assert_eq!(requests[1].messages[1].pictures.len(), 1);
}

#[test]
fn more_pictures_than_fit_are_spread_and_said() {
    let model = plain_model();
    let mut bench = bench_of(model.clone(), 80);
    assert_eq!(
        bench.prints("vlm.locate(InputImages, \"mug\"); vlm.ask_with_thinking(InputImages, \"what?\");"),
        "vlm.locate looks at 8 of the 80 pictures, spread evenly\nvlm.locate: \"mug\" visible, 0 points, 1 boxes: It \
         stands in the middle.\nvlm.ask_with_thinking looks at 64 of the 80 pictures, spread evenly\n"
    );
    let sent: Vec<Vec<String>> = model
        .requests()
        .iter()
        .map(|request| request.messages[1].pictures.iter().map(|picture| picture.label.clone()).collect())
        .collect();
    assert_eq!((sent[0].len(), sent[1].len()), (8, 64));
    for labels in sent {
        assert!(
            labels.first().unwrap().contains("InputImages[0],") && labels.last().unwrap().contains("InputImages[79],")
        );
    }
}

#[test]
fn several_questions_are_asked_side_by_side_and_answered_in_order() {
    // Nobody replies before three are waiting.
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    let model = SeeingModel::acting(move |request| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            let question = &request.messages[1].text;
            let n = ["one", "two", "three"].iter().position(|name| question.ends_with(name)).unwrap();
            Ok(ChatReply::new(format!(r#"{{"visible": true, "points": [{{"x": {}, "y": 500}}]}}"#, n * 100)))
        }
        .boxed()
    });
    let mut bench = bench(model);
    let printed = bench.prints(
        "let all = vlm.locate(InputImages[0], [\"one\", \"two\", \"three\"]); for l in all { print(l.points[0][0]); }",
    );
    let pixels: Vec<f64> = printed.lines().skip(3).map(|line| line.parse().unwrap()).collect();
    assert_eq!(pixels, [0.0, 63.5, 127.5]);
}

#[test]
fn a_reply_that_cannot_be_used_is_sent_back_once() {
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = n_calls.clone();
    let model = SeeingModel::new(move |request| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => r#"{"visible": true, "points": [{"x": 1500, "y": 3}]}"#.to_owned(),
        _ => {
            let told = &request.messages.last().unwrap().text;
            assert_eq!(
                told,
                "That reply cannot be used: x is 1500, expected a number from 0 to 1000. Reply again with one JSON object as \
                 described."
            );
            r#"{"visible": true, "points": [{"x": 500, "y": 500}]}"#.to_owned()
        }
    });
    assert!(bench(model).prints("print(vlm.locate(InputImages[0], \"mug\").points);").contains("[[319.5, 239.5]]"));

    let mut stubborn = bench(SeeingModel::new(|_| "It is on the left.".to_owned()));
    assert_eq!(
        stubborn.fails("vlm.locate(InputImages[0], \"mug\");"),
        "1:5 NOT_MEASURABLE model \"seeing\" gave no usable reply: it holds no JSON object; ask for something plainer, or \
         use tools.SAM3 or tools.Scene"
    );
}

#[test]
fn outages_are_typed_and_can_be_caught() {
    let down = ModelError::Unavailable { model: "far".into(), reason: "connection refused".into() };
    let error = down.clone();
    let mut bench = bench(SeeingModel::acting(move |_| std::future::ready(Err(error.clone())).boxed()));
    assert_eq!(
        bench.prints(
            "try { vlm.ask_with_thinking(InputImages, \"what?\"); } catch (e) { print(e.code); print(e.message); }"
        ),
        format!("MODEL_UNAVAILABLE\n{down}; use tools.SAM3 or tools.Scene\n")
    );
    let mut without = Bench::with(|context| context.vlm = None);
    assert_eq!(
        without.fails("vlm.locate(InputImages, \"mug\");"),
        "1:5 MODEL_UNAVAILABLE vlm.locate needs a vision-language model and none is configured; use tools.SAM3 or tools.Scene"
    );
}

#[test]
fn wrong_arguments_say_what_is_wanted() {
    let mut bench = bench(plain_model());
    assert_eq!(bench.fails("vlm.locate(InputImages, \" \");"), "1:5 question 1 is empty; say what to look for");
    assert_eq!(
        bench.fails("vlm.locate(5, \"mug\");"),
        "1:5 images is the int 5, wanted InputImages, a frame or a list of frames"
    );
    assert_eq!(bench.refuses("vlm = 5;").len(), 1);
    assert!(bench.refuses("vlm.find(InputImages, \"mug\");")[0].starts_with("1:5 `vlm.find` does not exist"));
}

/// A model that never replies and tells when its call is dropped.
fn hanging() -> (Arc<SeeingModel>, Arc<AtomicUsize>) {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let n_dropped = Arc::new(AtomicUsize::new(0));
    let shared = n_dropped.clone();
    let model = SeeingModel::acting(move |_| {
        let dropped = Dropped(shared.clone());
        async move {
            let _dropped = dropped;
            std::future::pending().await
        }
        .boxed()
    });
    (model, n_dropped)
}

#[test]
fn a_cancelled_goal_drops_its_calls_within_100_ms() {
    let (model, n_dropped) = hanging();
    let cancel = CancellationToken::new();
    let mut bench = Bench::with(|context| {
        context.vlm = Some(handle(model.clone(), long()));
        context.cancel = cancel.clone();
    });
    let canceller = std::thread::spawn(move || {
        while model.requests().is_empty() {
            std::thread::yield_now();
        }
        cancel.cancel();
        Instant::now()
    });
    let report = bench.run("try { vlm.locate(InputImages, \"mug\"); } catch (e) { print(\"caught\"); }");
    let late = canceller.join().unwrap().elapsed();
    assert_eq!((report.status, report.stdout.as_str()), (CellStatus::Cancelled, ""));
    assert!(late < Duration::from_millis(100), "{late:?}");
    while n_dropped.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn the_goals_deadline_ends_a_call_and_the_cell() {
    let (model, _) = hanging();
    let deadline = Instant::now() + Duration::from_millis(150);
    let mut bench = Bench::with(|context| {
        context.vlm = Some(handle(model, deadline));
        context.deadline = deadline;
    });
    let report = bench.run("vlm.locate(InputImages, \"mug\");");
    let late = deadline.elapsed();
    assert_eq!(report.status, CellStatus::TimedOut);
    assert!(late < Duration::from_millis(100), "{late:?}");
}

/// The model thinks for three times what a cell may take; the cell itself takes next to nothing.
#[test]
fn waiting_for_a_model_costs_no_time_of_the_cell() {
    let slow = SeeingModel::acting(|_| {
        async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            Ok(ChatReply::new("A mug."))
        }
        .boxed()
    });
    let run = async |limit: Duration, source: &str| {
        let mut context = context(snapshot_of(vec![front_view()]));
        context.vlm = Some(handle(slow.clone(), long()));
        context.limits.max_cell_time = limit;
        let mut kernel = KernelHandle::spawn(context).unwrap().with_grace(Duration::ZERO);
        kernel.run_cell(Cell { id: 1, purpose: String::new(), source: source.to_owned() }).await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limit = Duration::from_millis(300);
    let report = runtime.block_on(run(limit, "print(vlm.ask_with_thinking(InputImages, \"what?\"));"));
    assert_eq!((report.status, report.stdout.as_str()), (CellStatus::Completed, "A mug.\n"));
    assert!(report.elapsed > limit);
    let report = runtime.block_on(run(limit, "vlm.ask_with_thinking(InputImages, \"what?\"); loop { }"));
    assert!(matches!(report.status, CellStatus::TimedOut | CellStatus::LimitReached(_)), "{:?}", report.status);
}

#[test]
fn tokens_of_looking_are_counted_into_the_goal() {
    let cell = "**Purpose**\nx\n\n**Reasoning**\nx\n\n**Next Goal**\nx\n\n**Code**\n```rhai\n\
                vlm.locate(InputImages, [\"mug\", \"bowl\"]); Refuse(\"NO_ANSWER\", \"done\");\n```\n";
    let main = Arc::new(ScriptedModel::replying("writer", &[cell]));
    let perception = Perception::new(Arc::new(LabelImageSegmenter));
    let agent = Agent { vision: Some(vision(plain_model())), ..Agent::new(main, perception) };
    let goal = Goal {
        session_id: "s".into(),
        question: "where?".into(),
        choices: vec![],
        answer_kind: AnswerKind::Any,
        target_frame: FrameId::new("map"),
        deadline: long(),
        max_steps: 2,
        window_secs: None,
        interface: Interface::Code,
        conversation_id: String::new(),
        earlier: String::new(),
    };
    let snapshot = Arc::new(snapshot_of(vec![front_view()]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events: spatialclaw::agent::EventSink = Arc::new(|_| ());
    let outcome = runtime.block_on(agent.solve(&goal, snapshot, &events, CancellationToken::new()));
    assert_eq!(outcome.result.unwrap_err().message, "done");
    assert_eq!(outcome.models, ["writer", "seeing"]);
    // Two calls of 100 and 10 tokens, and the words of the cell.
    assert_eq!(outcome.n_prompt_tokens, 200);
    assert_eq!(outcome.n_completion_tokens, 20 + cell.split_whitespace().count() as u64);
}
