//! The parts that models play in a session.

use std::sync::Arc;

use crate::{
    agent::Agent,
    llm::{ChatModel, Vision},
};

/// Writes the cells.
pub const MAIN: &str = "main";
/// Takes over.
pub const FALLBACK: &str = "fallback";
/// Writes plans.
pub const PLANNING: &str = "planning";
/// Writes reviews.
pub const REFLECTION: &str = "reflection";
/// Takes the last turn.
pub const GENERAL: &str = "general";
/// Points at things in pictures.
pub const GROUNDING: &str = "grounding";
/// Describes pictures.
pub const VLM: &str = "vlm";

/// Every model of the agent with its part.
pub fn models(agent: &Agent) -> Vec<(&'static str, &Arc<dyn ChatModel>)> {
    let vision = agent.vision.as_ref();
    [
        (MAIN, Some(&agent.model)),
        (FALLBACK, agent.fallback.as_ref()),
        (PLANNING, agent.planner.as_ref()),
        (REFLECTION, agent.reviewer.as_ref()),
        (GENERAL, agent.finisher.as_ref()),
        (GROUNDING, vision.map(|vision| &vision.grounding)),
        (VLM, vision.map(|vision| &vision.vlm)),
    ]
    .into_iter()
    .filter_map(|(part, model)| Some((part, model?)))
    .collect()
}

/// The same agent with other models: `replace` is given each part and its model.
pub fn with_models(agent: &Agent, replace: impl Fn(&'static str, &Arc<dyn ChatModel>) -> Arc<dyn ChatModel>) -> Agent {
    let other = |part, model: &Option<Arc<dyn ChatModel>>| model.as_ref().map(|model| replace(part, model));
    let vision = agent.vision.as_ref().map(|vision| {
        Arc::new(Vision { grounding: replace(GROUNDING, &vision.grounding), vlm: replace(VLM, &vision.vlm) })
    });
    Agent {
        model: replace(MAIN, &agent.model),
        fallback: other(FALLBACK, &agent.fallback),
        planner: other(PLANNING, &agent.planner),
        reviewer: other(REFLECTION, &agent.reviewer),
        finisher: other(GENERAL, &agent.finisher),
        vision,
        ..agent.clone()
    }
}
