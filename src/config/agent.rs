//! Parameters of the agent's loop.

use std::{collections::BTreeMap, fs, path::Path};

use super::parameter::{ParameterValue, Reader};
use crate::agent::{
    AgentSettings, Interface, Patience, Reflection,
    conversation::ContextLimits,
    interface::AnswerRules,
    prompt::{PromptSettings, SECTIONS},
};

/// Bytes of a file that replaces a section of the prompt.
const MAX_SECTION_BYTES: u64 = 64 << 10;

/// Reads the interface of a goal that names none, and the settings of the loop.
pub fn agent(reader: &mut Reader) -> (Interface, AgentSettings) {
    let interface = reader.one_of(
        "agent.interface",
        Interface::NAMES,
        "How the model acts when a goal does not say: code, tool_calls, single_pass or no_tools.",
    );
    let interface = Interface::ALL.get(interface).copied().unwrap_or_default();
    let plans =
        reader.bool("agent.planning", true, "Ask for a plan before the first cell; the planner sees no pictures.");
    let reflection = reflection(reader);
    let asks_for_second_line = reader.bool(
        "agent.two_lines_of_evidence",
        true,
        "Hand a metric answer back once when it rests on a single line of evidence.",
    );
    let forces_answer = reader.bool(
        "agent.forced_answer",
        true,
        "Give a model whose cells are used up one last turn in which it must submit; such answers are marked as forced.",
    );
    let patience = patience(reader);
    let max_tokens = reader.integer(
        "agent.max_tokens",
        0,
        0..=1_000_000_000,
        "Tokens read and written over one goal, after which it must end; 0 = no limit.",
    );
    let sigma_ratio = reader.double(
        "agent.estimate_sigma_ratio",
        0.0,
        0.0..=10.0,
        "Standard deviation of numbers judged from pictures without tools, as a share of the number; 0 = such numbers are refused.",
    );
    let context = context(reader);
    let prompt = prompt(reader);
    let settings = AgentSettings {
        plans,
        reflection,
        asks_for_second_line,
        forces_answer,
        patience,
        max_tokens: u64::try_from(max_tokens).ok().filter(|max| *max > 0),
        context,
        prompt,
        rules: AnswerRules { estimate_sigma_ratio: Some(sigma_ratio).filter(|ratio| *ratio > 0.0) },
    };
    (interface, settings)
}

fn reflection(reader: &mut Reader) -> Option<Reflection> {
    let defaults = Reflection::default();
    let is_on = reader.bool("agent.reflection.enabled", false, "Have the work and each answer reviewed by a model.");
    let every_n_steps = reader.integer(
        "agent.reflection.every_n_steps",
        i64::from(defaults.every_n_steps),
        1..=1000,
        "Cells between reviews.",
    );
    let min_steps_for_veto = reader.integer(
        "agent.reflection.min_steps_for_veto",
        i64::from(defaults.min_steps_for_veto),
        1..=1000,
        "Cells that must be left for a review to hand an answer back.",
    );
    let max_vetoes = reader.integer(
        "agent.reflection.max_vetoes",
        i64::from(defaults.max_vetoes),
        0..=100,
        "Answers that reviews of one goal may hand back.",
    );
    is_on.then_some(Reflection {
        every_n_steps: every_n_steps as u32,
        min_steps_for_veto: min_steps_for_veto as u32,
        max_vetoes: max_vetoes as u32,
    })
}

fn patience(reader: &mut Reader) -> Patience {
    let defaults = Patience::default();
    let n_unreadable = reader.integer(
        "agent.max_unreadable_replies",
        i64::from(defaults.n_unreadable),
        1..=100,
        "Replies in a row that hold nothing to run, after which a goal ends.",
    );
    let n_failed_cells = reader.integer(
        "agent.max_failed_cells",
        i64::from(defaults.n_failed_cells),
        1..=1000,
        "Cells in a row that fail, after which a goal ends.",
    );
    let n_outages = reader.integer(
        "agent.max_outages",
        i64::from(defaults.n_outages),
        1..=100,
        "Failed calls in a row of the last model that is left, after which a goal ends.",
    );
    Patience {
        n_unreadable: n_unreadable as u32,
        n_failed_cells: n_failed_cells as u32,
        n_outages: n_outages as u32,
        ..defaults
    }
}

fn context(reader: &mut Reader) -> ContextLimits {
    let defaults = ContextLimits::default();
    let max_tokens = reader.integer(
        "agent.context.max_tokens",
        defaults.max_tokens as i64,
        4000..=10_000_000,
        "Estimated tokens of one request; old pictures, then old turns give way.",
    );
    let max_key_frames = reader.integer(
        "agent.context.key_frames",
        defaults.max_key_frames as i64,
        0..=256,
        "Pictures sent with the question, chosen by time and camera motion.",
    );
    let max_shown_pictures = reader.integer(
        "agent.context.max_shown_pictures",
        i64::from(defaults.max_shown_pictures),
        0..=10_000,
        "Pictures shown by cells over one goal.",
    );
    let max_kept_pictures = reader.integer(
        "agent.context.max_kept_pictures",
        defaults.max_kept_pictures as i64,
        0..=1000,
        "Pictures shown by cells that are sent again with each request.",
    );
    ContextLimits {
        max_tokens: max_tokens as u64,
        max_key_frames: max_key_frames as usize,
        max_shown_pictures: max_shown_pictures as u32,
        max_kept_pictures: max_kept_pictures as usize,
    }
}

fn prompt(reader: &mut Reader) -> PromptSettings {
    const EXCLUDE: &str = "agent.prompt.exclude";
    let excluded = reader.strings(EXCLUDE, &[], "Sections left out of the model's instructions.");
    let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    if excluded.iter().any(|name| !names.contains(&name.as_str())) {
        let found = ParameterValue::StringArray(excluded.clone());
        reader.reject(EXCLUDE, &found, format!("a list of section names out of {names:?}"));
    }
    let mut replaced = BTreeMap::new();
    for name in names {
        let parameter = format!("agent.prompt.override.{name}");
        let path = reader.string(
            &parameter,
            "",
            "File whose text replaces this section of the instructions; empty = the built-in text.",
        );
        if path.is_empty() {
            continue;
        }
        match section_file(Path::new(&path)) {
            Ok(text) => {
                replaced.insert(name.to_owned(), text);
            }
            Err(problem) => reader.reject(&parameter, &ParameterValue::String(path), problem),
        }
    }
    PromptSettings { excluded: excluded.into_iter().collect(), replaced }
}

fn section_file(path: &Path) -> Result<String, String> {
    let wanted = "a text file in UTF-8";
    let size = fs::metadata(path).map_err(|error| format!("{wanted} ({error})"))?.len();
    if size > MAX_SECTION_BYTES {
        return Err(format!("{wanted} of at most {MAX_SECTION_BYTES} bytes, not {size}"));
    }
    fs::read_to_string(path).map_err(|error| format!("{wanted} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, ParameterValue)]) -> Result<AgentSettings, String> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut reader = Reader::new(given);
        let (_, settings) = agent(&mut reader);
        reader.finish().map(|_| settings).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_plan_check_twice_and_force_but_do_not_review() {
        let settings = read(&[]).unwrap();
        assert!(settings.plans && settings.asks_for_second_line && settings.forces_answer);
        assert_eq!((settings.reflection, settings.max_tokens), (None, None));
        assert_eq!(settings.rules.estimate_sigma_ratio, None);
    }

    #[test]
    fn a_section_is_replaced_by_a_file() {
        let path = std::env::temp_dir().join(format!("spatialclaw-section-{}.md", std::process::id()));
        fs::write(&path, "You measure boxes.\n").unwrap();
        let text = ParameterValue::String(path.to_str().unwrap().to_owned());
        let settings = read(&[("agent.prompt.override.role", text)]).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(settings.prompt.section("role"), "You measure boxes.");
        let missing = ParameterValue::String("/nowhere/role.md".to_owned());
        let problem = read(&[("agent.prompt.override.role", missing)]).unwrap_err();
        assert!(problem.contains("agent.prompt.override.role") && problem.contains("text file"), "{problem}");
    }

    #[test]
    fn an_unknown_section_is_refused_with_those_there_are() {
        let excluded = ParameterValue::StringArray(vec!["rôle".to_owned()]);
        let problem = read(&[("agent.prompt.exclude", excluded)]).unwrap_err();
        assert!(problem.contains("\"role\"") && problem.contains("rôle"), "{problem}");
        let path = ParameterValue::String("x".to_owned());
        assert!(read(&[("agent.prompt.override.rule", path)]).unwrap_err().contains("agent.prompt.override.role"));
    }
}
