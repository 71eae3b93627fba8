// SPDX-License-Identifier: Apache-2.0
//! Recordings asked without ROS. Truth: the scene that `fixtures/bags/make.py` describes and an independent program wrote, human labels
//! of mOSD, and the pictures and poses from which the ICL bag was made.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::{local_server, mosd, robot};

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use nalgebra::{Isometry3, Point3, Quaternion, Translation3, UnitQuaternion};
use proptest::prelude::*;
use serde_json::Value;
use spatialclaw::{
    agent::{Agent, Outcome},
    answer::AnswerValue,
    app::{
        App,
        source::{Moment, Prepared, SourceError, SourceSettings, prepare},
    },
    bag::{self, BagError, Source, cdr::CdrReader, messages, pictures::PictureSettings, rosbag::Rosbag},
    error_code::ErrorCode,
    llm::scripted::{ScriptedModel, Turn},
    perception::{Perception, label_image::LabelImageSegmenter},
    scene::Stamp,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bags").join(name)
}

fn open(path: &Path, settings: &PictureSettings) -> Box<dyn Source> {
    bag::open(path, &BTreeMap::new(), settings).unwrap()
}

fn ask_prepared(prepared: &Prepared, text: &str) -> Outcome {
    let question = spatialclaw::app::Question { when: prepared.when, record: false, ..robot::question("ask", text) };
    robot::ask(&prepared.app, &question)
}

fn ask(path: &Path, settings: &SourceSettings, text: &str) -> Outcome {
    let mut source = open(path, &PictureSettings::default());
    ask_prepared(&prepare(source.as_mut(), settings, App::new).unwrap(), text)
}

fn number(outcome: &Outcome) -> (f64, f64) {
    match &outcome.result.as_ref().unwrap().value {
        AnswerValue::Number(number) => (number.value(), number.sigma()),
        other => panic!("{other:?}"),
    }
}

/// Both storages, as a folder and as a file, compressed in both ways of rosbag2 and not at all.
#[test]
fn a_bag_of_another_writer_is_measured_in() {
    let mut answers = Vec::new();
    for place in ["mcap", "mcap/mcap.mcap", "sqlite", "sqlite/sqlite.db3", "sqlite_plain"] {
        let outcome = ask(&fixture(place), &SourceSettings::default(), "How far is the red board from the blue board?");
        let (distance_m, sigma_m) = number(&outcome);
        // Edges lie between pixels: each board may end up to one pixel early, 7.5 mm at 1.5 m.
        assert!((0.299..0.300 + 2.0 * 0.0075).contains(&distance_m), "{place}: {distance_m}");
        assert!(
            sigma_m > 0.0 && (distance_m - 0.300).abs() < 3.0 * sigma_m + 0.0075,
            "{place}: {distance_m} ± {sigma_m}"
        );
        answers.push((distance_m.to_bits(), sigma_m.to_bits()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let outcome = ask(&fixture("mcap"), &SourceSettings::default(), "How high is the red board above the floor?");
    let (height_m, sigma_m) = number(&outcome);
    assert!((height_m - 0.300).abs() < 3.0 * sigma_m + 0.0075, "{height_m} ± {sigma_m}");
}

/// The robot drives, the boards stay: a transform of another time would put them up to half a metre away.
#[test]
fn things_stay_where_they_are_while_the_robot_drives() {
    for (moment, stamp_nanos) in [
        (Moment::SinceStart(0.0), 10_000_000_000),
        (Moment::SinceStart(1.4), 11_400_000_000),
        (Moment::Stamp(Stamp { nanos: 11_800_000_000 }), 11_800_000_000),
        (Moment::End, 12_000_000_000),
    ] {
        let settings = SourceSettings { moment, ..SourceSettings::default() };
        let outcome = ask(&fixture("mcap"), &settings, "Where is the red board?");
        let AnswerValue::Point(place) = &outcome.result.as_ref().unwrap().value else { panic!("{outcome:?}") };
        let at = place.frame_from_object.translation.vector;
        assert_eq!((place.frame.as_str(), place.stamp.nanos), ("map", stamp_nanos));
        let error_m = (at - nalgebra::Vector3::new(2.0, 0.4, 0.5)).abs();
        assert!(error_m.x < 0.002 && error_m.y < 0.011 && error_m.z < 0.011, "{moment:?}: {at:?}");
    }
    let moved = SourceSettings { window: Some(Duration::from_secs(2)), ..SourceSettings::default() };
    let outcome = ask(&fixture("sqlite"), &moved, "Did the red board move in the last 2 seconds?");
    assert_eq!(outcome.result.unwrap().value, AnswerValue::Bool(false));
}

#[test]
fn moments_and_cameras_that_are_not_there_are_refused() {
    let check = |settings: SourceSettings, text: &str| {
        let mut source = open(&fixture("mcap"), &PictureSettings::default());
        let problem = prepare(source.as_mut(), &settings, App::new).unwrap_err();
        assert_eq!(problem.to_string(), text);
    };
    check(
        SourceSettings { moment: Moment::SinceStart(2.5), ..SourceSettings::default() },
        "2.5 s after the first image is asked about, the images span 10.000 to 12.000 s",
    );
    check(
        SourceSettings { cameras: vec!["rear".to_owned()], ..SourceSettings::default() },
        "camera \"rear\" is not in the recording, expected one of [\"front\"]",
    );
    let outcome = ask(&fixture("mcap"), &SourceSettings::default(), "How far is the green board from the red board?");
    assert_eq!(outcome.result.unwrap_err().code, ErrorCode::NotVisible);
}

/// Every question of the set: up comes from the labelled table, everything else from the files as they lie there.
#[test]
fn real_tabletop_pictures_are_answered_as_people_did() {
    let Some(folder) = mosd::data() else { return println!("skipped: no mosd_tabletop") };
    let questions = mosd::json(&folder.join("questions.json"));
    for asked in questions.as_array().unwrap() {
        let (scene, text) = (asked["scene"].as_str().unwrap(), asked["question"].as_str().unwrap());
        let settings = PictureSettings {
            only: Some(scene.to_owned()),
            label_names: BTreeMap::from([(1, "table".to_owned())]),
            ..PictureSettings::default()
        };
        let mut source = open(&folder, &settings);
        let prepared = prepare(source.as_mut(), &SourceSettings::default(), App::new).unwrap();
        assert!(prepared.notes.iter().any(|note| note.contains("the normal of the table")), "{:?}", prepared.notes);
        let answer =
            ask_prepared(&prepared, text).result.unwrap_or_else(|refusal| panic!("{scene} {text}: {refusal:?}"));
        assert!(mosd::fits(&answer.value, &asked["answer"]), "{scene} {text}: {answer:?}");
    }
    // One of the set's distances, from the same depth by other arithmetic: nearest points of two objects.
    let mut source = open(&folder.join("learn0_rgb.png"), &PictureSettings::default());
    let prepared = prepare(source.as_mut(), &SourceSettings::default(), App::new).unwrap();
    let (distance_m, sigma_m) = number(&ask_prepared(&prepared, "How far is object 2 from object 3?"));
    let truth_m =
        mosd::json(&folder.join("gt.json"))["learn0"]["pair_min_and_median_dist_m"]["2-3"][0].as_f64().unwrap();
    assert!((distance_m - truth_m).abs() < 3.0 * sigma_m, "{distance_m} ± {sigma_m} against {truth_m}");
}

#[test]
fn a_folder_of_unrelated_pictures_asks_which_one() {
    let Some(folder) = mosd::data() else { return println!("skipped: no mosd_tabletop") };
    let problem = bag::open(&folder, &BTreeMap::new(), &PictureSettings::default()).err().unwrap().to_string();
    assert!(problem.starts_with("7 pictures without poses cannot be joined; name one of [\"learn0\", "), "{problem}");
    let settings = PictureSettings { only: Some("learn1".to_owned()), ..PictureSettings::default() };
    let problem = bag::open(&folder, &BTreeMap::new(), &settings).err().unwrap().to_string();
    assert!(problem.starts_with("there is no picture \"learn1\"; colour pictures there: [\"learn0\", "), "{problem}");
}

fn icl() -> Option<PathBuf> {
    let folder = mosd::data()?.parent()?.join("icl_livingroom1");
    folder.join("icl_first20.mcap").is_file().then_some(folder)
}

/// Camera poses of the pictures, by their numbers.
fn icl_poses(folder: &Path) -> BTreeMap<usize, Isometry3<f64>> {
    let text = fs::read_to_string(folder.join("poses_tum.txt")).unwrap();
    let pose = |line: &str| {
        let words: Vec<f64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [number, x, y, z, i, j, k, w] = words.try_into().unwrap();
        let turn = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
        (number as usize, Isometry3::from_parts(Translation3::new(x, y, z), turn))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(pose).collect()
}

/// What a cell answers in words, run over a source.
fn said(source: &mut dyn Source, settings: &SourceSettings, code: &str) -> String {
    let prepared = prepare(source, settings, |config, cameras, clock| {
        let model = ScriptedModel::new("script", [Turn::Reply(robot::cell("Look.", code))]);
        let agent = Agent::new(Arc::new(model), Perception::new(Arc::new(LabelImageSegmenter)));
        Ok(App::with_agent(config, cameras, agent, clock))
    })
    .unwrap();
    ask_prepared(&prepared, "Where is that?").result.unwrap_or_else(|refusal| panic!("{refusal:?}")).text
}

fn numbers_in(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c))).filter_map(|word| word.parse().ok()).collect()
}

/// One point of a wall in pictures a second apart, by the bag that another program wrote and by the pictures it was made from.
#[test]
fn a_recorded_moving_camera_sees_a_wall_in_one_place() {
    let Some(folder) = icl() else { return println!("skipped: no icl_livingroom1") };
    let poses = icl_poses(&folder);
    let (first, later) = (0_usize, 30_usize);
    let depth = image::open(folder.join("depth/00000.png")).unwrap().into_luma16();
    let (u, v) = (400_u32, 160_u32);
    let z = f64::from(depth.get_pixel(u, v).0[0]) / 1000.0;
    let seen = Point3::new((f64::from(u) - 319.5) / 525.0 * z, (f64::from(v) - 239.5) / 525.0 * z, z);
    let in_later = poses[&later].inverse_transform_point(&(poses[&first] * seen));
    let (u2, v2) = (in_later.x / in_later.z * 525.0 + 319.5, in_later.y / in_later.z * 525.0 + 239.5);
    let (u2, v2) = (u2.round() as u32, v2.round() as u32);
    assert!((poses[&later].translation.vector - poses[&first].translation.vector).norm() > 0.3, "the camera moved");

    let place = |source: &mut dyn Source, secs: f64, u: u32, v: u32| {
        let settings = SourceSettings { moment: Moment::SinceStart(secs), ..SourceSettings::default() };
        let code = format!(
            "let scene = tools.Reconstruct.Reconstruct(InputImages[-1]);\nReturnAnswer(`at ${{scene.points[-1].at({u}, {v})}}`);"
        );
        let [x, y, z] = numbers_in(&said(source, &settings, &code)).try_into().unwrap();
        Point3::new(x, y, z)
    };
    // The bag's map is fixed, so that the two places can be compared.
    let mut bag = open(&folder.join("icl_first20.mcap"), &PictureSettings::default());
    let (here, there) = (place(bag.as_mut(), 0.0, u, v), place(bag.as_mut(), 1.0, u2, v2));
    println!("bag: {here} and 1 s later {there}");
    assert!((here - there).norm() < 0.02, "{here} {there}");
    // The picture folder's level frame is found anew each time: what stays is how far the point is from the first camera.
    let mut pictures = open(&folder, &PictureSettings::default());
    let here = place(pictures.as_mut(), 0.0, u, v);
    assert!((here.coords.norm() - seen.coords.norm()).abs() < 0.005, "{here} {seen}");
    let there = place(pictures.as_mut(), 1.0, u2, v2);
    assert!((there.coords.norm() - seen.coords.norm()).abs() < 0.02, "{there} {seen}");
}

#[test]
fn what_is_no_recording_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let problem = bag::open(&path, &BTreeMap::new(), &PictureSettings::default()).err().unwrap().to_string();
        assert_eq!(problem, format!("{text}: {}", path.display()));
    };
    let expected = "expected a rosbag2 (.mcap or .db3), a folder of pictures, or a PNG or JPEG";
    check("empty.mcap", b"", &format!("an empty file, {expected}"));
    check("notes.txt", b"hello", &format!("a file of another kind, {expected}"));
    check(
        "a.bag",
        b"#ROSBAG V2.0\n",
        "a bag of ROS 1, expected a rosbag2; `rosbags-convert --src FILE --dst FOLDER` converts it",
    );
    check(
        "a.mcap.zstd",
        &[0x28, 0xb5, 0x2f, 0xfd, 0],
        "a compressed file, expected a bag that is unpacked: `zstd -d FILE`",
    );
    check("b.db3", b"SQLite format 3\0", "SQLite says: file is not a database");
    let problem = bag::open(Path::new("/nowhere"), &BTreeMap::new(), &PictureSettings::default()).err().unwrap();
    assert!(matches!(problem, BagError::Unreadable { .. }), "{problem}");
}

static BAGS: LazyLock<[(Vec<u8>, &str); 3]> = LazyLock::new(|| {
    ["mcap/mcap.mcap", "sqlite/sqlite.db3", "sqlite_plain/sqlite_plain.db3"]
        .map(|name| (fs::read(fixture(name)).unwrap(), name))
});

/// Opens and plays a bag of these bytes: an error or what is in it, never a panic.
fn play(bytes: &[u8]) -> Result<usize, BagError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bag");
    fs::write(&path, bytes).unwrap();
    let mut bag = Rosbag::open(&path, &BTreeMap::new())?;
    let mut n_items = 0;
    let span = bag::Span { from: Stamp::default(), to: Stamp { nanos: i64::MAX } };
    bag.play(span, &mut |_| n_items += 1)?;
    Ok(n_items)
}

#[test]
fn a_bag_that_ends_early_is_said_to() {
    for (bytes, name) in BAGS.iter() {
        let whole = play(bytes).unwrap();
        assert!(whole > 100, "{name}: {whole}");
        for part in 1..20 {
            let problem = play(&bytes[..bytes.len() * part / 20]);
            assert!(
                matches!(problem, Err(BagError::CutOff { .. } | BagError::Damaged { .. })),
                "{name} {part}: {problem:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn garbled_bags_never_panic(
        which in 0..3_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = BAGS[which].0.clone();
        for (index, byte) in &changes {
            let index = index.index(bytes.len());
            bytes[index] = *byte;
        }
        let _ = play(&bytes);
    }

    #[test]
    fn no_message_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), order in 0..2_u8) {
        let message = [[0, order, 0, 0].as_slice(), &bytes].concat();
        let _ = (messages::header_of(&message).is_ok(), messages::camera_info(&message).is_ok());
        let _ = (messages::image(messages::MessageType::Image, &message).is_ok(), messages::transforms(&message).is_ok());
        let _ = (messages::label_names(&message).is_ok(), messages::imu(&message).is_ok());
        let _ = messages::image(messages::MessageType::CompressedImage, &message).is_ok();
        prop_assert!(CdrReader::new(&message).is_ok());
    }
}

fn program(args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spatialclaw"));
    let done = command.args(args).envs(env.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_program_answers_shows_progress_and_keeps_a_session_that_replays() {
    let dir = tempfile::tempdir().unwrap();
    let bag = fixture("mcap");
    let bag = bag.to_str().unwrap();
    let record = dir.path().join("boards.mcap");
    let question = "How far is the red board from the blue board?";
    let (code, said, told) = program(&["ask", bag, question, "--record", record.to_str().unwrap()], &[]);
    assert_eq!(code, 0, "{told}");
    insta::assert_snapshot!("an_answer_on_standard_output", said);
    assert!(
        told.contains("rosbag2 (MCAP), 248 messages") && told.contains("camera \"front\" in front_optical_frame"),
        "{told}"
    );
    assert!(
        told.contains("\nrun ") && told.contains("measured in frame \"map\"; the robot is \"base_link\""),
        "{told}"
    );
    assert_eq!(program(&["replay", record.to_str().unwrap()], &[]).0, 0);
    assert_eq!(program(&["report", record.to_str().unwrap()], &[]).0, 0);

    let (code, said, told) = program(&["ask", bag, question, "--json", "--at", "0.4"], &[]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, told.as_str()), (0, ""));
    let number = &said["outcome"]["answer"]["number"];
    assert!((number["value"].as_f64().unwrap() - 0.3).abs() < 0.03 && number["unit"] == "m", "{said:#}");
    assert_eq!(said["outcome"]["answer"]["evidence"][0]["place"]["stamp_nanos"], 10_400_000_000_i64);
}

#[test]
fn the_program_says_by_its_exit_code_how_it_ended() {
    let bag = fixture("mcap");
    let bag = bag.to_str().unwrap();
    let check = |args: &[&str], code: i32, text: &str| {
        let (found, _, told) = program(args, &[]);
        assert!(found == code && told.contains(text), "{args:?}: {found}\n{told}");
    };
    check(&["ask", bag, "How far is the green board from the red board?"], 3, "spatialclaw: refused, NOT_VISIBLE: ");
    check(&["ask", "/nowhere", "?"], 4, "cannot read /nowhere: ");
    check(&["ask", bag], 2, "expected SOURCE and QUESTION");
    check(&["ask", bag, "?", "--model", "gemini"], 2, "a model needs its server");
    check(&["ask", bag, "?", "--interface", "no_tools"], 2, "needs a language model");
    check(&["ask", bag, "?", "--set", "max_stepz=3"], 2, "parameter \"max_stepz\" is unknown");
    check(&["ask", bag, "?", "--at", "99"], 2, "the images span 10.000 to 12.000 s");
    check(&["ask", bag, "?", "--quiet"], 2, "there is no option --quiet");
    check(&["ask", bag, "?", "--image-topic", "/rear/image"], 4, "there is no topic \"/rear/image\" of use");
}

/// Through a server, with a key that must not show anywhere, even where the server says it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_and_its_key_is_nowhere_in_the_session() {
    const KEY: &str = "sk-very-secret-0123456789";
    let code = "let d = tools.Geometry.surface_distance(tools.Scene.find(\"red board\"), tools.Scene.find(\"blue board\"));\nprint(d);\nReturnAnswer(d);";
    let echo = local_server::answer("500 Oops", "application/json", &format!("{{\"error\": \"bad key {KEY}\"}}"));
    let server =
        local_server::LocalServer::play(vec![echo, local_server::good_stream(&robot::cell("Measure.", code))]).await;
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("served.mcap");
    let (bag, url, file) = (fixture("sqlite"), server.url(), record.clone());
    let (code, said, told) = tokio::task::spawn_blocking(move || {
        let args = [
            "ask",
            bag.to_str().unwrap(),
            "How far is the red board from the blue board?",
            "--model",
            "generic/served",
            "--endpoint",
            &url,
            "--key-env",
            "MY_KEY",
            "--record",
            file.to_str().unwrap(),
            "--set",
            "agent.planning=false",
            "--set",
            "agent.two_lines_of_evidence=false",
        ];
        program(&args, &[("MY_KEY", KEY)])
    })
    .await
    .unwrap();
    assert_eq!(code, 0, "{told}");
    assert!(said.contains("one standard deviation"), "{said}");
    assert_eq!(server.received()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    let stored = crate::support::session_file::SessionFile::read(&fs::read(&record).unwrap());
    assert!(stored.messages.len() > 10);
    for message in &stored.messages {
        assert!(!message.data.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{}", message.topic);
    }
    assert!(!said.contains(KEY) && !told.contains(KEY));
}

#[test]
fn a_source_error_is_an_error() {
    // Sources are used behind a reference that may be handed to threads of any kind of program.
    fn is_error<T: std::error::Error + Send + Sync>() {}
    is_error::<SourceError>();
}
