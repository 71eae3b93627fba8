//! Keeps the generated pages in `docs/` equal to what the code declares. `SPATIALCLAW_UPDATE_DOCS=1 cargo test --test all docs::` writes them.

use std::{env, fs, path::Path, process::Command};

#[test]
fn the_question_page_is_generated() {
    let body = spatialclaw::llm::offline::grammar::grammar_markdown();
    check("questions.md", &format!("# Questions answered offline\n\n{body}"));
}

#[test]
fn the_tool_page_is_generated() {
    check("tools.md", &format!("# What a cell can call\n\n{}", spatialclaw::tools::reference::page()));
}

/// What the program says of itself is the page about it.
#[test]
fn the_command_line_page_is_generated() {
    let say = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_spatialclaw")).args(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let help = say(&["--help"]);
    let mut page = format!("# The command line\n\n```text\n{help}```\n");
    let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    for name in commands.filter_map(|line| line.split_whitespace().next()) {
        page.push_str(&format!("\n## spatialclaw {name}\n\n```text\n{}```\n", say(&[name, "--help"])));
    }
    check("cli.md", &page);
}

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let expected = format!("{}\n", expected.trim_end());
    if env::var_os("SPATIALCLAW_UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{name} differs from the code; SPATIALCLAW_UPDATE_DOCS=1 cargo test --test all docs:: writes it"
    );
}
