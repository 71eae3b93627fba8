//! What models are told before they begin: instructions of named sections, and the question.
//!
//! Each section is one file in `prompts/`. A section can be left out or replaced by the operator's own text; the hash of what came of
//! it stands in every outcome. To add a section: a file, a line in [`SECTIONS`], and its place in [`instructions`].

pub mod key_frames;
pub mod question;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

pub use question::{question_message, session_input};

use serde::{Deserialize, Serialize};

use super::interface::{ActionInterface, Interface};
use crate::{llm::Abilities, tools};

/// Raised when a template changes its meaning.
pub const VERSION: u32 = 2;

/// Name and text of every section that can be left out or replaced.
pub const SECTIONS: &[(&str, &str)] = &[
    ("role", include_str!("../prompts/role.md")),
    ("format_code", include_str!("../prompts/format_code.md")),
    ("format_code_json", include_str!("../prompts/format_code_json.md")),
    ("format_tool_calls", include_str!("../prompts/format_tool_calls.md")),
    ("format_json_calls", include_str!("../prompts/format_json_calls.md")),
    ("format_single_pass", include_str!("../prompts/format_single_pass.md")),
    ("format_single_pass_json", include_str!("../prompts/format_single_pass_json.md")),
    ("format_no_tools", include_str!("../prompts/format_no_tools.md")),
    ("entry_points", include_str!("../prompts/entry_points.md")),
    ("language", include_str!("../prompts/language.md")),
    ("tools", "{{tools}}"),
    ("frames", include_str!("../prompts/frames.md")),
    ("measuring", include_str!("../prompts/measuring.md")),
    ("evidence", include_str!("../prompts/evidence.md")),
    ("submitting", include_str!("../prompts/submitting.md")),
    ("refusing", include_str!("../prompts/refusing.md")),
    ("earlier", include_str!("../prompts/earlier.md")),
    ("session_input", "{{session_input}}"),
    ("planner", include_str!("../prompts/planner.md")),
    ("plan_handover", include_str!("../prompts/plan_handover.md")),
    ("reflection", include_str!("../prompts/reflection.md")),
    ("forced", include_str!("../prompts/forced.md")),
];

/// The operator's changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptSettings {
    /// Sections left out.
    pub excluded: BTreeSet<String>,
    /// Sections replaced by these texts.
    pub replaced: BTreeMap<String, String>,
}

impl PromptSettings {
    /// The text of a section; empty when it is left out or does not exist.
    pub fn section(&self, name: &str) -> &str {
        if self.excluded.contains(name) {
            return "";
        }
        let own = SECTIONS.iter().find(|(section, _)| *section == name).map(|(_, text)| *text);
        self.replaced.get(name).map(String::as_str).or(own).unwrap_or_default().trim()
    }
}

/// The instructions of a model that acts through `interface`.
pub fn instructions(settings: &PromptSettings, interface: &dyn ActionInterface, abilities: Abilities) -> String {
    let format = interface.format_section();
    let sections: &[&str] = match interface.interface() {
        Interface::Code | Interface::SinglePass => &[
            "role",
            format,
            "entry_points",
            "language",
            "tools",
            "frames",
            "measuring",
            "evidence",
            "submitting",
            "refusing",
        ],
        Interface::ToolCalls => &["role", format, "tools", "frames", "measuring", "evidence", "submitting", "refusing"],
        Interface::NoTools => &["role", format, "frames", "refusing"],
    };
    let manual = match interface.interface() {
        Interface::Code | Interface::SinglePass => tools::manual(),
        // Servers with tool calls get the functions beside the messages.
        Interface::ToolCalls if abilities.tool_calls => tools::values_manual(),
        Interface::ToolCalls => format!("{}\n{}", function_manual(), tools::values_manual()),
        Interface::NoTools => String::new(),
    };
    assemble(settings, sections, &manual)
}

/// The instructions of a planner.
pub fn planner_instructions(settings: &PromptSettings) -> String {
    assemble(settings, &["planner", "tools", "frames", "evidence"], &tools::functions_manual())
}

fn assemble(settings: &PromptSettings, sections: &[&str], manual: &str) -> String {
    let texts: Vec<String> = sections
        .iter()
        .map(|name| settings.section(name))
        .filter(|text| !text.is_empty())
        .map(|text| text.replace("{{tools}}", &format!("## Tools\n\n{}", manual.trim())))
        .collect();
    format!("{}\n", texts.join("\n\n"))
}

/// Each tool under the name by which it is called.
fn function_manual() -> String {
    let mut text = String::new();
    for spec in tools::all() {
        let signature = spec.signature().replacen(spec.path, &spec.function_name(), 1);
        let _ = write!(text, "- `{signature}`\n  {}\n", spec.doc);
    }
    text
}

/// Identifies a prompt: 64-bit FNV-1a over the version and the text, in hexadecimal digits.
pub fn hash(text: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = VERSION.to_le_bytes().into_iter().chain(text.bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::interface::AnswerRules;

    fn text_of(interface: Interface, abilities: Abilities, settings: &PromptSettings) -> String {
        instructions(settings, interface.implementation(abilities, &AnswerRules::default()).as_ref(), abilities)
    }

    #[test]
    fn every_interface_has_whole_instructions() {
        let json = Abilities { response_schema: true, ..Abilities::default() };
        let native = Abilities { tool_calls: true, ..Abilities::default() };
        let settings = PromptSettings::default();
        for interface in Interface::ALL {
            for abilities in [Abilities::default(), json, native] {
                let text = text_of(interface, abilities, &settings);
                assert!(!text.contains("{{") && text.contains("You answer one spatial question"), "{interface:?}");
                assert_eq!(text.contains("## Tools"), interface != Interface::NoTools);
            }
        }
        assert!(text_of(Interface::Code, native, &settings).contains("`tools.Scene.find(name: string) -> Object`"));
        assert!(text_of(Interface::ToolCalls, json, &settings).contains("`Scene_find(name: string) -> Object`"));
        assert!(!text_of(Interface::ToolCalls, native, &settings).contains("Scene_find(name"));
    }

    #[test]
    fn sections_can_be_left_out_or_replaced() {
        let settings = PromptSettings {
            excluded: BTreeSet::from(["evidence".to_owned()]),
            replaced: BTreeMap::from([("role".to_owned(), "You measure boxes.".to_owned())]),
        };
        let text = text_of(Interface::Code, Abilities::default(), &settings);
        assert!(text.starts_with("You measure boxes.\n\n## Reply format"));
        assert!(!text.contains("## Evidence"));
        assert_ne!(hash(&text), hash(&text_of(Interface::Code, Abilities::default(), &PromptSettings::default())));
    }

    #[test]
    fn the_hash_is_that_of_its_definition() {
        // FNV-1a of the bytes 02 00 00 00 61, computed apart from this code.
        assert_eq!(hash("a"), format!("{:016x}", fnv_reference(&[2, 0, 0, 0, b'a'])));
    }

    fn fnv_reference(bytes: &[u8]) -> u64 {
        let mut hash: u128 = 14_695_981_039_346_656_037;
        for byte in bytes {
            hash = ((hash ^ u128::from(*byte)) * 1_099_511_628_211) % (1 << 64);
        }
        hash as u64
    }

    #[test]
    fn section_names_are_unique() {
        let names: BTreeSet<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), SECTIONS.len());
    }
}
