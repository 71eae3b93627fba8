//! The command line program as a user meets it.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is missing")]

use std::process::{Command, Output};

use serde_json::Value;

fn spatialclaw(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spatialclaw")).args(args).output().unwrap()
}

fn prints(args: &[&str]) -> String {
    let done = spatialclaw(args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn complains(args: &[&str]) -> String {
    let done = spatialclaw(args);
    assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0), "{args:?}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn one_tool_is_shown_under_each_of_its_names() {
    let text = prints(&["tools", "tools.Geometry.height"]);
    assert!(text.starts_with("### tools.Geometry.height\n") && text.contains("```rhai\nReturnAnswer("), "{text}");
    for name in ["Geometry.height", "Geometry_height"] {
        assert_eq!(prints(&["tools", name]), text);
    }
    let group = prints(&["tools", "Geometry"]);
    assert!(
        group.contains(&text) && group.contains("### tools.Geometry.bearing") && !group.contains("### tools.Scene.")
    );
}

#[test]
fn the_declarations_are_json() {
    let all: Value = serde_json::from_str(&prints(&["tools", "--json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), spatialclaw::tools::all().count());
    let one: Value = serde_json::from_str(&prints(&["tools", "show", "--json"])).unwrap();
    assert_eq!(one[0]["function"]["name"], "show");
}

#[test]
fn the_manual_has_every_example() {
    let text = prints(&["tools"]);
    for spec in spatialclaw::tools::all() {
        assert!(text.contains(spec.example.trim()), "{}", spec.path);
    }
}

#[test]
fn a_wrong_command_line_says_what_there_is() {
    assert!(complains(&[]).contains("a command is missing"));
    assert!(complains(&["tool"]).contains("there is no command \"tool\", expected ask, replay, report, tools"));
    assert!(complains(&["tools", "Scene.fnd"]).contains("tools.Scene.find"));
    assert!(complains(&["tools", "--yaml"]).contains("--yaml"));
    assert!(prints(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
}
