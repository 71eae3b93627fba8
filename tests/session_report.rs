//! The page of a session, read as a browser reads it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::robot;
use crate::support::session_file;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use html5ever::{parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;
use robot::{ask, cell, parameters, question};
use serde_json::Value;
use session_file::SessionFile;
use spatialclaw::{
    llm::{
        ChatReply, Usage,
        offline::OfflineBrain,
        scripted::{ScriptedModel, Turn},
    },
    session::{recorded::Recorded, report},
};

fn record(turns: Vec<Turn>, text: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::app(parameters(dir.path()), Arc::new(ScriptedModel::new("script", turns)));
    ask(&app, &question("page", text));
    let files: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    fs::read(&files[0]).unwrap()
}

static ANSWERED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let said = |text: String| {
        Turn::Say(Box::new(ChatReply {
            thinking: "The mug & the bowl: <both> stand on the table.".into(),
            usage: Usage { n_prompt_tokens: 4200, n_completion_tokens: 90, n_calls: 1, ..Usage::default() },
            ..ChatReply::new(text)
        }))
    };
    record(
        vec![
            said(cell("Look for the mug.", "let mug = tools.Scene.find(\"mgu\"); // misspelt")),
            said("no cell at all".to_owned()),
            said(cell(
                "Look again, with a picture.",
                "let mug = tools.Scene.find(\"mug\");\nlet bowl = tools.Scene.find(\"bowl\");\nshow(mug);\nprint(mug.center);",
            )),
            said(cell("Measure.", "let d = tools.Geometry.surface_distance(mug, bowl);\nReturnAnswer(d);")),
        ],
        "How far is the <mug> from the bowl & \"why\"?",
    )
});

static REFUSED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    record(vec![Turn::Reply(cell("Give up.", "Refuse(\"NOT_VISIBLE\", \"no unicorn\");"))], "Where is the unicorn?")
});

fn blind() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let app = robot::blind_app(parameters(dir.path()), Arc::new(OfflineBrain));
    ask(&app, &question("blind", "Where is the mug?"));
    fs::read(dir.path().join("blind.mcap")).unwrap()
}

fn page_of(bytes: &[u8]) -> String {
    report::write(&Recorded::from_bytes(bytes).unwrap())
}

struct Element {
    tag: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

/// Every element in order, as a browser's parser makes them, and what that parser complains about.
fn parsed(page: &str) -> (Vec<Element>, Vec<String>) {
    let dom = parse_document(RcDom::default(), Default::default()).one(page);
    let mut elements = Vec::new();
    collect(&dom.document, &mut elements);
    let errors = dom.errors.borrow().iter().map(ToString::to_string).collect();
    (elements, errors)
}

fn collect(node: &Handle, elements: &mut Vec<Element>) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let attributes = attrs.borrow().iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
        elements.push(Element { tag: name.local.to_string(), attributes, text: text_of(node) });
    }
    for child in node.children.borrow().iter() {
        collect(child, elements);
    }
}

fn text_of(node: &Handle) -> String {
    match &node.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => node.children.borrow().iter().map(text_of).collect(),
    }
}

fn all<'a>(elements: &'a [Element], tag: &str) -> Vec<&'a Element> {
    elements.iter().filter(|element| element.tag == tag).collect()
}

#[test]
fn every_page_is_html_without_an_error() {
    for bytes in [&*ANSWERED, &*REFUSED, &blind()] {
        let page = page_of(bytes);
        let (elements, errors) = parsed(&page);
        assert_eq!(errors, Vec::<String>::new());
        let ids: Vec<&str> =
            elements.iter().filter_map(|element| element.attributes.get("id")).map(String::as_str).collect();
        assert_eq!(ids, Vec::<&str>::new(), "nothing is referred to");
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page_of(&ANSWERED);
    let (elements, _) = parsed(&page);
    for element in &elements {
        assert!(!["script", "link", "iframe", "object", "embed", "base", "form"].contains(&element.tag.as_str()));
        for (name, value) in &element.attributes {
            assert!(!name.starts_with("on") && !["href", "srcset", "style"].contains(&name.as_str()), "{name}");
            assert!(name != "src" || value.starts_with("data:image/jpeg;base64,"), "{value:.60}");
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
}

#[test]
fn the_page_tells_question_answer_steps_and_pictures() {
    let recorded = Recorded::from_bytes(&ANSWERED).unwrap();
    let (elements, _) = parsed(&report::write(&recorded));
    assert_eq!(all(&elements, "h1")[0].text, "How far is the <mug> from the bowl & \"why\"?");
    let answer = recorded.outcome.answer.as_ref().unwrap();
    let values: Vec<&str> = elements
        .iter()
        .filter(|element| element.attributes.get("class").is_some_and(|class| class == "value") && element.tag == "p")
        .map(|element| element.text.as_str())
        .collect();
    assert_eq!(values, [answer.number.as_ref().unwrap().text.as_str()]);
    assert!(values[0].contains(" ± ") && values[0].ends_with(" m"));
    let facts: Vec<&str> = all(&elements, "dd").iter().map(|element| element.text.as_str()).collect();
    assert!(facts.contains(&"map") && facts.contains(&"15.000 s"), "{facts:?}");

    let codes: Vec<&str> =
        all(&elements, "code").iter().map(|element| element.text.trim()).filter(|code| code.contains(';')).collect();
    let cells: Vec<&str> = recorded.cells.iter().map(|cell| cell.source.trim()).collect();
    assert_eq!(codes, cells);
    let words: Vec<&str> = all(&elements, "pre").iter().map(|element| element.text.trim()).collect();
    assert!(words.contains(&recorded.reports[1].stdout.trim()));
    assert!(words.contains(&"The mug & the bowl: <both> stand on the table."));
    let errors: Vec<&str> = all(&elements, "p").iter().map(|element| element.text.as_str()).collect();
    assert!(errors.iter().any(|text| text.contains("NOT_VISIBLE") && text.contains("mgu")), "{errors:?}");

    // The camera's picture with the evidence, and the one that a cell showed.
    let pictures = all(&elements, "img");
    assert_eq!(pictures.len(), 2);
    for picture in &pictures {
        let data = picture.attributes["src"].strip_prefix("data:image/jpeg;base64,").unwrap();
        let decoded = image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!(picture.attributes["width"], decoded.width().to_string());
        assert_eq!(picture.attributes["height"], decoded.height().to_string());
    }
    let tokens: Vec<&str> = all(&elements, "td").iter().map(|element| element.text.as_str()).collect();
    assert!(tokens.contains(&"16800") && tokens.contains(&"360"), "sums of four calls: {tokens:?}");
}

/// Drawn to scale: the measured line is as long as the answer says, seen from above.
#[test]
fn the_map_is_to_scale() {
    let recorded = Recorded::from_bytes(&ANSWERED).unwrap();
    let (elements, _) = parsed(&report::write(&recorded));
    let number = |element: &Element, name: &str| element.attributes[name].parse::<f64>().unwrap();
    let line = elements.iter().find(|e| e.attributes.get("class").is_some_and(|class| class == "measured")).unwrap();
    let drawn = (number(line, "x1") - number(line, "x2")).hypot(number(line, "y1") - number(line, "y2"));
    let ticks: Vec<(f64, f64)> = elements
        .iter()
        .filter(|e| e.attributes.get("class").is_some_and(|class| class == "tick") && number(e, "x") != 14.0)
        .map(|e| (e.text.parse().unwrap(), number(e, "x")))
        .collect();
    let [(from_m, from), .., (to_m, to)] = ticks[..] else { panic!("{ticks:?}") };
    let per_m = (to - from) / (to_m - from_m);
    let measured =
        recorded.outcome.answer.as_ref().unwrap().evidence.iter().find(|item| item.points_m.len() == 2).unwrap();
    let [a, b] = [0, 1].map(|index| measured.points_m[index].to_point());
    let length_m = (a.x - b.x).hypot(a.y - b.y);
    assert!((drawn / per_m - length_m).abs() < 0.002, "{} against {length_m}", drawn / per_m);
    let names: Vec<&str> = all(&elements, "text").iter().map(|element| element.text.as_str()).collect();
    assert!(
        names.contains(&"mug") && names.contains(&"bowl") && names.contains(&"camera") && names.contains(&"base_link")
    );
}

/// Fields that hold words of people, models and scripts.
const WORDS: &[&str] = &[
    "question",
    "purpose",
    "source",
    "stdout",
    "text",
    "thinking",
    "message",
    "label",
    "id",
    "role",
    "camera",
    "method",
    "name",
    "summary",
    "model",
    "frame",
    "segmenter",
    "code",
    "value",
    "output",
    "words",
    "session_id",
    "version",
    "choices",
    "items",
    "models",
    "format_name",
    "error",
    "unit",
    "target_frame",
    "interface",
];

fn with_words(value: &mut Value, words: &str) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if WORDS.contains(&name.as_str()) => *text = words.to_owned(),
                    Value::Array(items) if WORDS.contains(&name.as_str()) => {
                        items.iter_mut().filter(|item| item.is_string()).for_each(|item| *item = words.into());
                    }
                    other => with_words(other, words),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| with_words(item, words)),
        _ => {}
    }
}

/// Tags and their numbers; how code is marked depends on the code.
fn tags(page: &str) -> BTreeMap<String, usize> {
    let mut tags = BTreeMap::new();
    for element in parsed(page).0.into_iter().filter(|element| element.tag != "i") {
        *tags.entry(element.tag).or_insert(0) += 1;
    }
    tags
}

fn page_with(words: &str) -> String {
    let mut file = SessionFile::read(&ANSWERED);
    for message in file.messages.iter_mut().filter(|message| message.encoding == "json") {
        let mut value: Value = serde_json::from_slice(&message.data).unwrap();
        with_words(&mut value, words);
        message.data = serde_json::to_vec(&value).unwrap();
    }
    page_of(&file.write())
}

static HARMLESS: LazyLock<BTreeMap<String, usize>> = LazyLock::new(|| tags(&page_with("x")));

#[test]
fn markup_in_any_text_stays_text() {
    for attack in [
        "x</title><script>alert(1)</script>",
        "x\"><img src=y onerror=alert(1)>",
        "x' onload='alert(1)",
        "x</pre></code></details></svg><svg onload=alert(1)>",
        "x<!--",
        "x]]><![CDATA[",
        "x</style><style>*{display:none}",
        "x&lt;script&gt;&#60;b&#62;",
        "x\0\u{1b}\u{85}\u{fffe}\r\n\u{2028}",
    ] {
        let page = page_with(attack);
        assert_eq!(tags(&page), *HARMLESS, "{attack}");
        assert_eq!(parsed(&page).1, Vec::<String>::new(), "{attack}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_text_can_open_a_tag(words in "x([<>&\"'/=!a-z -]|\\PC|[\0-\x1f]){0,40}x") {
        let page = page_with(&words);
        let (elements, errors) = parsed(&page);
        prop_assert_eq!(errors, Vec::<String>::new());
        prop_assert_eq!(tags(&page), HARMLESS.clone());
        for element in &elements {
            for name in element.attributes.keys() {
                prop_assert!(!name.starts_with("on"));
            }
        }
    }
}
