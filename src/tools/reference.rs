//! The reference of all tools for people: the manual, with what each parameter means and an example that runs.

use std::fmt::Write;

use super::{ToolSpec, all, arrays, values_manual};

/// All tools and values, in Markdown.
pub fn page() -> String {
    let mut text = String::new();
    let mut group = None;
    for spec in all() {
        if group != Some(spec.group()) {
            group = Some(spec.group());
            let title = if spec.group().is_empty() { "Functions" } else { spec.group() };
            let _ = write!(text, "## {title}\n\n");
        }
        text.push_str(&entry(spec));
        text.push('\n');
    }
    let _ = write!(text, "## Arrays\n\n{}\n", arrays::manual().trim());
    text.push('\n');
    text.push_str(&values_manual().replacen("### ", "## ", 1).replacen('\n', "\n\n", 1));
    text
}

/// One tool, in Markdown.
pub fn entry(spec: &ToolSpec) -> String {
    let mut text = format!("### {}\n\n`{}`\n\n{}\n", spec.path, spec.signature(), spec.doc);
    let explained: Vec<String> = spec
        .params
        .iter()
        .filter(|param| !param.doc.is_empty())
        .map(|param| format!("- `{}`: {}\n", param.name, param.doc))
        .collect();
    if !explained.is_empty() {
        let _ = write!(text, "\n{}", explained.concat());
    }
    let _ = write!(text, "\n```rhai\n{}\n```\n", spec.example.trim());
    text
}
