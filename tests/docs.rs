//! Keeps the generated pages in `docs/` equal to what the code declares. `SPATIALCLAW_UPDATE_DOCS=1 cargo test --test docs` writes them.

use std::{env, fs, path::Path};

#[test]
fn the_question_page_is_generated() {
    let body = spatialclaw::llm::offline::grammar::grammar_markdown();
    check("questions.md", &format!("# Questions answered offline\n\n{body}"));
}

#[test]
fn the_tool_page_is_generated() {
    check("tools.md", &format!("# What a cell can call\n\n{}", spatialclaw::tools::manual()));
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
        "docs/{name} differs from the code; SPATIALCLAW_UPDATE_DOCS=1 cargo test --test docs writes it"
    );
}
