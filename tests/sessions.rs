//! Recorded sessions: what stands in the file, that it replays to the byte, and that recording never harms a goal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::analytic_scene;
use crate::support::robot;
use crate::support::session_file;
use crate::support::tabletop;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use proptest::prelude::*;
use robot::{ask, ask_within, block_on, cell, parameters, question};
use serde_json::{Value, json};
use session_file::SessionFile;
use spatialclaw::{
    agent::Outcome,
    answer::AnswerValue,
    config::ParameterValue,
    error_code::ErrorCode,
    llm::{
        ModelError,
        offline::OfflineBrain,
        scripted::{ScriptedModel, Turn},
    },
    scene::snapshot_codec,
    session::{
        recorded::{FileError, Recorded},
        replay::{ReplayError, Replayed, Verdict, replay},
    },
};
use tokio_util::sync::CancellationToken;

fn scripted(replies: &[String]) -> Arc<ScriptedModel> {
    Arc::new(ScriptedModel::new("script", replies.iter().cloned().map(Turn::Reply)))
}

/// A mistake, a look, and an answer.
fn a_session() -> Vec<String> {
    vec![
        cell("Look for the mug.", "let mug = tools.Scene.find(\"mgu\");"),
        cell(
            "Look again, with a picture.",
            "let mug = tools.Scene.find(\"mug\");\nlet bowl = tools.Scene.find(\"bowl\");\nshow(mug);\nprint(mug.center);",
        ),
        "I would rather talk about the weather.".to_owned(),
        cell("Measure.", "let d = tools.Geometry.surface_distance(mug, bowl);\nprint(d);\nReturnAnswer(d);"),
    ]
}

/// The only session in `dir`.
fn only_file(dir: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    file.clone()
}

fn record(replies: &[String]) -> (Vec<u8>, Outcome) {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::app(parameters(dir.path()), scripted(replies));
    let outcome = ask(&app, &question("a1", "How far is the mug from the bowl?"));
    (fs::read(only_file(dir.path())).unwrap(), outcome)
}

static RECORDED: LazyLock<(Vec<u8>, Outcome)> = LazyLock::new(|| record(&a_session()));

fn replayed(bytes: &[u8]) -> Replayed {
    let recorded = Recorded::from_bytes(bytes).unwrap();
    block_on(replay(&recorded, &tabletop::perception())).unwrap()
}

#[test]
fn a_recorded_question_replays_to_the_byte_and_again() {
    let (bytes, outcome) = &*RECORDED;
    let answer = outcome.result.as_ref().unwrap();
    let AnswerValue::Number(distance) = &answer.value else { panic!("{answer:?}") };
    let truth_m = tabletop::visible_distance_m(tabletop::id_of("mug"), tabletop::id_of("bowl"));
    assert!((distance.value() - truth_m).abs() < 0.02, "{distance} against {truth_m}");
    let first = replayed(bytes);
    assert_eq!(first.verdict, Verdict::Same, "{first}");
    assert_eq!(first.canonical, first.recorded_canonical);
    assert_eq!((first.n_cells, first.n_requests), (3, 4));
    assert!(first.canonical.contains(&serde_json::to_string(&answer.text).unwrap()), "{}", first.canonical);
    assert!(first.canonical.contains("NOT_VISIBLE"), "the mistake is there as well");
    assert_eq!(replayed(bytes).canonical, first.canonical);
}

#[test]
fn every_offline_form_of_answer_replays_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::app(parameters(dir.path()), Arc::new(OfflineBrain));
    for (index, text) in [
        "How far is the mug from the bowl?",
        "Is the mug left of the bowl?",
        "Where is the mug?",
        "How many cones are there?",
        "Which is closest to the bowl, the mug or the box?",
        "How tall is the unicorn?",
        "What is the meaning of all this?",
    ]
    .into_iter()
    .enumerate()
    {
        let session_id = format!("offline{index}");
        let outcome = ask(&app, &question(&session_id, text));
        let bytes = fs::read(dir.path().join(format!("{session_id}.mcap"))).unwrap();
        let again = replayed(&bytes);
        assert_eq!(again.verdict, Verdict::Same, "{text}\n{again}\n{:?}", outcome.result);
        assert_eq!(again.canonical, again.recorded_canonical, "{text}");
    }
}

#[test]
fn a_changed_result_is_shown_with_step_and_line() {
    let mut file = SessionFile::read(&RECORDED.0);
    file.edit("/spatialclaw/cell_report", 2, |report| {
        report["stdout"] = json!("0.999 m\n");
    });
    let again = replayed(&file.write());
    assert_eq!(again.verdict, Verdict::Differs);
    let [difference] = again.differences.as_slice() else { panic!("{again}") };
    assert_eq!(difference.place, "what came of cell 3");
    assert!(difference.lines.contains("-    2 | printed: 0.999 m"), "{difference}");
    assert!(difference.lines.contains("+    2 | printed: 0."), "{difference}");
    assert_ne!(again.canonical, again.recorded_canonical);
}

/// As if a tool measured something else: the same session over another picture of the world.
#[test]
fn another_world_gives_another_answer_and_all_of_it_is_shown() {
    let mut file = SessionFile::read(&RECORDED.0);
    let mut snapshot = Recorded::from_bytes(&RECORDED.0).unwrap().snapshot.unwrap();
    let depth = snapshot.views[0].depth.as_ref().unwrap();
    let shifted = depth.depth_m().iter().map(|depth_m| depth_m * 1.1).collect();
    let shifted = spatialclaw::geometry::DepthMap::new(depth.width_px(), depth.height_px(), shifted).unwrap();
    snapshot.views[0].depth = Ok(Arc::new(shifted));
    file.snapshot = zstd::encode_all(snapshot_codec::encode(&snapshot).as_slice(), 0).unwrap();
    let again = replayed(&file.write());
    assert_eq!(again.verdict, Verdict::Differs);
    let places: Vec<&str> = again.differences.iter().map(|difference| difference.place.as_str()).collect();
    assert!(places.contains(&"what came of cell 2") && places.contains(&"the answer"), "{places:?}");
    assert!(places.iter().any(|place| place.starts_with("request 3 to main, message")), "{places:?}");
    assert!(again.to_string().contains("differs: "), "{again}");
}

#[test]
fn a_changed_reply_is_a_changed_cell() {
    let mut file = SessionFile::read(&RECORDED.0);
    file.edit("/spatialclaw/model/reply", 3, |reply| {
        reply["text"] = json!(cell("Measure.", "ReturnAnswer(true);"));
    });
    let again = replayed(&file.write());
    let places: Vec<&str> = again.differences.iter().map(|difference| difference.place.as_str()).collect();
    assert_eq!(places, ["cell 3", "what came of cell 3", "the answer"]);
}

#[test]
fn a_failover_replays() {
    let dir = tempfile::tempdir().unwrap();
    let overloaded = ModelError::Overloaded {
        model: "far".into(),
        status: 503,
        reason: "busy".into(),
        retry_after: Some(Duration::from_millis(1)),
    };
    let turns = [Turn::Reply(cell("Look.", "let mug = tools.Scene.find(\"mug\");")), Turn::Fail(overloaded)];
    let app = robot::app(parameters(dir.path()), Arc::new(ScriptedModel::new("far", turns)));
    let outcome = ask(&app, &question("f", "How tall is the mug?"));
    assert!(outcome.result.is_ok(), "{outcome:?}");
    let again = replayed(&fs::read(only_file(dir.path())).unwrap());
    assert_eq!(again.verdict, Verdict::Same, "{again}");
    assert!(again.canonical.contains("offline-grammar"));
}

#[test]
fn a_cancelled_session_replays_up_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let turns = [Turn::Reply(cell("Look.", "let mug = tools.Scene.find(\"mug\");")), Turn::Hang];
    let app = robot::app(parameters(dir.path()), Arc::new(ScriptedModel::new("slow", turns)));
    let outcome = ask_within(&app, &question("c", "?"), Duration::from_secs(3), CancellationToken::new());
    assert_eq!(outcome.result.unwrap_err().code, ErrorCode::DeadlineExceeded);
    let again = replayed(&fs::read(only_file(dir.path())).unwrap());
    let expected = "the recorded session ended while slow was waited for (DEADLINE_EXCEEDED)";
    assert_eq!(again.verdict, Verdict::SameSoFar(expected.to_owned()));
    assert_eq!((again.n_cells, &again.canonical), (1, &again.recorded_canonical));
}

#[test]
fn a_cell_that_a_clock_ended_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let mut parameters = parameters(dir.path());
    parameters.insert("kernel.max_cell_secs".to_owned(), ParameterValue::Double(0.2));
    parameters.insert("kernel.max_operations".to_owned(), ParameterValue::Integer(10_000_000_000));
    let replies = [cell("Wait.", "loop { }"), cell("Give up.", "Refuse(\"NO_ANSWER\", \"too slow\");")];
    let app = robot::app(parameters, scripted(&replies));
    let outcome = ask(&app, &question("t", "?"));
    assert_eq!(outcome.result.unwrap_err().code, ErrorCode::NoAnswer);
    let again = replayed(&fs::read(only_file(dir.path())).unwrap());
    let expected = "cell 1 was ended by a clock when it was recorded (timed_out)";
    assert_eq!(again.verdict, Verdict::SameSoFar(expected.to_owned()));
}

#[test]
fn a_question_refused_without_an_image_is_recorded_and_cannot_be_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::blind_app(parameters(dir.path()), Arc::new(OfflineBrain));
    assert_eq!(ask(&app, &question("blind", "Where is the mug?")).result.unwrap_err().code, ErrorCode::NoImage);
    let recorded = Recorded::read(&only_file(dir.path())).unwrap();
    assert_eq!(recorded.outcome.refusal.as_ref().unwrap().code, "NO_IMAGE");
    let problem = block_on(replay(&recorded, &tabletop::perception())).unwrap_err();
    assert_eq!(problem, ReplayError::NothingSeen("NO_IMAGE".to_owned()));
}

#[test]
fn a_goal_that_nobody_waits_for_leaves_a_whole_file() {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::app(parameters(dir.path()), Arc::new(ScriptedModel::new("slow", [Turn::Hang])));
    block_on(async {
        let now = std::time::Instant::now();
        let asking = app.clone().ask(
            question("d", "?"),
            now,
            now + Duration::from_secs(60),
            Arc::new(|_| {}),
            CancellationToken::new(),
        );
        let _ = tokio::time::timeout(Duration::from_millis(300), asking).await;
    });
    assert!(app.flush_records(Duration::from_secs(60)));
    let recorded = Recorded::read(&only_file(dir.path())).unwrap();
    assert_eq!((recorded.outcome.answer, recorded.outcome.refusal), (None, None));
}

#[test]
fn only_questions_that_ask_for_it_are_recorded_unless_all_are() {
    let dir = tempfile::tempdir().unwrap();
    let not_recorded = spatialclaw::app::Question { record: false, ..question("n", "Where is the mug?") };
    let app = robot::app(parameters(dir.path()), Arc::new(OfflineBrain));
    ask(&app, &not_recorded);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let mut all = parameters(dir.path());
    all.insert("record.always".to_owned(), ParameterValue::Bool(true));
    ask(&robot::app(all, Arc::new(OfflineBrain)), &not_recorded);
    assert_eq!(only_file(dir.path()), dir.path().join("n.mcap"));
}

fn program(args: &[&str]) -> (i32, String, String) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_spatialclaw")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_program_says_how_a_replay_compares() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("same.mcap"), &RECORDED.0).unwrap();
    let mut file = SessionFile::read(&RECORDED.0);
    file.edit("/spatialclaw/cell_report", 1, |report| report["stdout"] = json!("something else\n"));
    fs::write(at("other.mcap"), file.write()).unwrap();
    fs::write(at("cut.mcap"), &RECORDED.0[..RECORDED.0.len() / 2]).unwrap();

    let same = "same: 3 cells, 4 requests and the answer, to the byte\n";
    let canonical = at("canonical.json");
    assert_eq!(program(&["replay", &at("same.mcap"), "-o", &canonical]), (0, same.to_owned(), String::new()));
    let canonical: Value = serde_json::from_slice(&fs::read(canonical).unwrap()).unwrap();
    assert_eq!(canonical["cells"].as_array().unwrap().len(), 3);

    let (code, said, _) = program(&["replay", &at("other.mcap")]);
    assert_eq!(code, 1);
    assert!(said.starts_with("what came of cell 2 differs (- recorded, + now):\n"), "{said}");
    assert!(said.contains("| printed: something else\n") && said.ends_with("and the answer\n"), "{said}");
    let (code, said, _) = program(&["replay", "--json", &at("other.mcap")]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, said["verdict"].as_str()), (1, Some("differs")));
    assert_ne!(said["sha256"], said["recorded_sha256"]);

    let (code, _, complaint) = program(&["replay", &at("cut.mcap")]);
    assert_eq!(code, 4);
    assert!(complaint.starts_with("spatialclaw: the file is cut off after "), "{complaint}");
    assert_eq!(program(&["replay"]).0, 2);
    assert_eq!(program(&["replay", "a", "b"]).0, 2);
}

#[test]
fn the_program_writes_the_page_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mcap");
    fs::write(&file, &RECORDED.0).unwrap();
    let page = dir.path().join("a.html");
    let (code, said, _) = program(&["report", file.to_str().unwrap()]);
    assert_eq!((code, said), (0, format!("{}\n", page.display())));
    let written = fs::read_to_string(&page).unwrap();
    assert_eq!(program(&["report", "-o", "-", file.to_str().unwrap()]), (0, written, String::new()));
    assert_eq!(program(&["report", "/nowhere/a.mcap"]).0, 4);
}

/// Root may write anywhere, so the directory is one that cannot be: below a file.
#[test]
fn a_directory_that_cannot_be_written_is_a_line_in_the_diagnostics_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let app = robot::app(parameters(&file.join("below")), Arc::new(OfflineBrain));
    for session_id in ["a", "b"] {
        assert!(ask(&app, &question(session_id, "How tall is the mug?")).result.is_ok());
    }
    let health = app.recorder_health();
    assert_eq!((health.n_written, health.n_lost), (0, 2));
    let problem = health.problem.unwrap();
    assert!(problem.starts_with("cannot write in ") && problem.contains("below"), "{problem}");
}

#[test]
fn a_session_larger_than_all_may_be_is_lost_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let mut parameters = parameters(dir.path());
    parameters.insert("record.max_megabytes".to_owned(), ParameterValue::Integer(1));
    // A picture of noise cannot be compressed.
    let replies = [cell("Show.", "show(InputImages[0]);"), cell("Answer.", "ReturnAnswer(true);")];
    let app = robot::noisy_app(parameters, scripted(&replies));
    assert!(ask(&app, &question("big", "?")).result.is_ok());
    let health = app.recorder_health();
    assert_eq!((health.n_written, health.n_lost), (0, 1), "{health:?}");
    assert!(health.problem.unwrap().contains("1048576 bytes"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn two_hundred_sessions_stay_within_their_bounds_and_other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("bag.mcap");
    fs::write(&foreign, [mcap::MAGIC, b"somebody else's".as_slice()].concat()).unwrap();
    let mut limits = parameters(dir.path());
    limits.insert("record.max_files".to_owned(), ParameterValue::Integer(25));
    limits.insert("record.max_megabytes".to_owned(), ParameterValue::Integer(1));
    let app = robot::blind_app(limits, Arc::new(OfflineBrain));
    for index in 0..200 {
        // Long questions: the bound of bytes is reached as well.
        let text = format!("{index} {}", noise(2000, index));
        ask(&app, &question(&format!("s{index:03}"), &text));
        let (mut n_files, mut n_bytes) = (0, 0);
        for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path() != foreign) {
            n_files += 1;
            n_bytes += entry.metadata().unwrap().len();
        }
        assert!(n_files <= 25 && n_bytes <= 1 << 20, "{n_files} files, {n_bytes} bytes");
    }
    assert!(foreign.exists());
    assert!(dir.path().join("s199.mcap").exists() && !dir.path().join("s000.mcap").exists());
    assert_eq!(app.recorder_health().n_written, 200);
}

fn noise(n_chars: usize, seed: u64) -> String {
    let mut random = analytic_scene::Random(seed + 1);
    (0..n_chars).map(|_| char::from(b'!' + (random.next_u64() % 90) as u8)).collect()
}

#[test]
fn a_taken_name_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::blind_app(parameters(dir.path()), Arc::new(OfflineBrain));
    for _ in 0..3 {
        ask(&app, &question("same", "Where is the mug?"));
    }
    let mut names: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["same-2.mcap", "same-3.mcap", "same.mcap"]);
}

#[test]
fn every_json_message_keeps_the_schema_of_its_channel() {
    let file = SessionFile::read(&RECORDED.0);
    let mut topics: Vec<&str> = file.json_messages().map(|message| message.topic.as_str()).collect();
    for message in file.json_messages() {
        let schema: Value = serde_json::from_slice(&message.schema).unwrap();
        let value: Value = serde_json::from_slice(&message.data).unwrap();
        session_file::check_schema(&schema, &value, &message.topic);
    }
    topics.sort();
    topics.dedup();
    assert_eq!(
        topics,
        [
            "/spatialclaw/cell",
            "/spatialclaw/cell_report",
            "/spatialclaw/event",
            "/spatialclaw/model/reply",
            "/spatialclaw/model/request",
            "/spatialclaw/outcome",
            "/spatialclaw/picture",
            "/spatialclaw/session",
            "/spatialclaw/time_left",
        ]
    );
}

#[test]
fn what_the_robot_saw_can_be_looked_at() {
    let file = SessionFile::read(&RECORDED.0);
    let snapshot = Recorded::from_bytes(&RECORDED.0).unwrap().snapshot.unwrap();
    let view = &snapshot.views[0];
    let of = |topic: &str| file.messages.iter().find(|message| message.topic == topic).unwrap();

    let image = of("/spatialclaw/camera/camera/image");
    assert_eq!((image.schema_name.as_str(), image.log_time), ("sensor_msgs/msg/CompressedImage", 15_000_000_000));
    let mut cdr = session_file::Cdr::new(&image.data);
    assert_eq!((cdr.u32(), cdr.u32(), cdr.text()), (15, 0, "camera_optical_frame".to_owned()));
    assert_eq!(cdr.text(), "jpeg");
    let decoded = image::load_from_memory(&cdr.blob()).unwrap().to_rgb8();
    assert_eq!(decoded.dimensions(), view.image.dimensions());
    let error: f64 = decoded.iter().zip(view.image.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    assert!(error / (decoded.len() as f64) < 5.0, "{error}");

    let mut cdr = session_file::Cdr::new(&of("/spatialclaw/camera/camera/depth").data);
    let _ = (cdr.u32(), cdr.u32(), cdr.text());
    assert_eq!((cdr.u32(), cdr.u32()), (view.image.height(), view.image.width()));
    assert_eq!((cdr.text().as_str(), cdr.u8(), cdr.u32()), ("16UC1", 0, view.image.width() * 2));
    let millimetres: Vec<u16> = cdr.blob().chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let middle = millimetres.len() / 2;
    let depth_m = view.depth.as_ref().unwrap().depth_m()[middle];
    assert!((f32::from(millimetres[middle]) / 1000.0 - depth_m).abs() <= 0.000_51);

    let mut cdr = session_file::Cdr::new(&of("/spatialclaw/tf").data);
    let n_transforms = cdr.u32();
    assert_eq!(n_transforms, 3);
    let expected = snapshot.transforms.samples().map(|(transform, _)| transform);
    for transform in expected {
        let _stamp = (cdr.u32(), cdr.u32());
        assert_eq!((cdr.text(), cdr.text()), (transform.parent.to_string(), transform.child.to_string()));
        assert_eq!([cdr.f64(), cdr.f64(), cdr.f64()], transform.translation_m);
        assert_eq!([cdr.f64(), cdr.f64(), cdr.f64(), cdr.f64()], transform.rotation_xyzw);
    }
}

#[test]
fn each_picture_and_message_is_stored_once() {
    let recorded = Recorded::from_bytes(&RECORDED.0).unwrap();
    let n_new: usize = recorded.requests.iter().map(|request| request.new_messages.len()).sum();
    assert_eq!(n_new, recorded.messages.len());
    assert_eq!(recorded.requests.last().unwrap().messages.len(), n_new);
    // The camera's picture in the first request and the one that a cell showed.
    assert_eq!(recorded.pictures.len(), 2);
    for reference in recorded.messages.values().flat_map(|message| &message.pictures) {
        assert!(recorded.pictures.contains_key(&reference.sha256));
    }
}

#[test]
fn a_file_of_another_layout_says_so() {
    let mut file = SessionFile::read(&RECORDED.0);
    file.edit("/spatialclaw/session", 0, |session| session["format"] = json!(99));
    let problem = Recorded::from_bytes(&file.write()).unwrap_err();
    assert_eq!(problem.to_string(), "the file has layout 99, this version reads layout 1");
}

#[test]
fn files_that_are_none_say_what_they_are() {
    let check = |bytes: &[u8], text: &str| assert_eq!(Recorded::from_bytes(bytes).unwrap_err().to_string(), text);
    check(b"", "this is no session of spatialclaw: it is no MCAP");
    check(b"hello", "this is no session of spatialclaw: it is no MCAP");
    let mut empty = mcap::Writer::new(std::io::Cursor::new(Vec::new())).unwrap();
    empty.finish().unwrap();
    check(empty.into_inner().get_ref(), "this is no session of spatialclaw: it has no message on /spatialclaw/session");
    let missing = Recorded::read(Path::new("/nowhere/x.mcap")).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read /nowhere/x.mcap: "), "{missing}");
}

#[test]
fn a_file_that_ends_early_is_said_to_be_cut_off() {
    let bytes = &RECORDED.0;
    for part in 1..60 {
        let end = bytes.len() * part / 60;
        match Recorded::from_bytes(&bytes[..end]) {
            Err(FileError::CutOff { .. }) => {}
            other => panic!("{end} of {}: {:?}", bytes.len(), other.map(|_| ())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Checksums cover chunks and the snapshot; what lies outside them is not read or fails to be read.
    #[test]
    fn changed_bytes_never_panic_and_never_change_the_session(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = RECORDED.0.clone();
        for (index, byte) in &changes {
            let index = index.index(bytes.len());
            bytes[index] = *byte;
        }
        if let Ok(recorded) = Recorded::from_bytes(&bytes) {
            let whole = Recorded::from_bytes(&RECORDED.0).unwrap();
            prop_assert_eq!(format!("{recorded:?}"), format!("{whole:?}"));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let with_magic = [mcap::MAGIC, &bytes].concat();
        prop_assert!(Recorded::from_bytes(&with_magic).is_err());
    }

    /// Any JSON in the place of any message: an error or a replay, never a panic.
    #[test]
    fn no_message_panics(
        topic in prop::sample::select(vec![
            "/spatialclaw/session", "/spatialclaw/cell", "/spatialclaw/cell_report", "/spatialclaw/model/reply",
            "/spatialclaw/model/request", "/spatialclaw/outcome", "/spatialclaw/picture",
        ]),
        field in any::<prop::sample::Index>(),
        value in prop_oneof![Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!(-1)), Just(json!(1e300)), "[ -~]{0,20}".prop_map(Value::from)],
    ) {
        let mut file = SessionFile::read(&RECORDED.0);
        file.edit(topic, 0, |message| {
            let message = message.as_object_mut().unwrap();
            let name = message.keys().nth(field.index(message.len())).unwrap().clone();
            message.insert(name, value.clone());
        });
        let _ = Recorded::from_bytes(&file.write());
    }
}
