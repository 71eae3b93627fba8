//! Who does what: each part of a question may have a model of its own.

use std::sync::Arc;

use super::ChatModel;

/// A part of answering a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRole {
    /// Writes cells.
    Main,
    /// Plans before the first cell.
    Planning,
    /// Looks and reasons: `vlm.ask_with_thinking`.
    Vlm,
    /// Points at things: `vlm.locate`.
    Grounding,
    /// Takes the last turn of a goal whose budget is used up; only with a model of its own.
    General,
    /// Reviews what was done.
    Reflection,
}

impl ModelRole {
    /// Every role, in the order of [`Roles`].
    pub const ALL: [ModelRole; 6] = [
        ModelRole::Main,
        ModelRole::Planning,
        ModelRole::Vlm,
        ModelRole::Grounding,
        ModelRole::General,
        ModelRole::Reflection,
    ];

    /// Name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ModelRole::Main => "main",
            ModelRole::Planning => "planning",
            ModelRole::Vlm => "vlm",
            ModelRole::Grounding => "grounding",
            ModelRole::General => "general",
            ModelRole::Reflection => "reflection",
        }
    }
}

/// The model of each role, with its own sampling.
#[derive(Clone)]
pub struct Roles([Arc<dyn ChatModel>; 6]);

impl Roles {
    /// One model for all.
    pub fn same(model: Arc<dyn ChatModel>) -> Roles {
        Roles(std::array::from_fn(|_| model.clone()))
    }

    /// The same with another model for `role`.
    #[must_use]
    pub fn with(mut self, role: ModelRole, model: Arc<dyn ChatModel>) -> Roles {
        if let Some(place) = self.0.get_mut(role as usize) {
            *place = model;
        }
        self
    }

    /// The model of `role`.
    pub fn get(&self, role: ModelRole) -> &Arc<dyn ChatModel> {
        let [main, planning, vlm, grounding, general, reflection] = &self.0;
        match role {
            ModelRole::Main => main,
            ModelRole::Planning => planning,
            ModelRole::Vlm => vlm,
            ModelRole::Grounding => grounding,
            ModelRole::General => general,
            ModelRole::Reflection => reflection,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::scripted::ScriptedModel;

    #[test]
    fn each_role_has_its_own_model() {
        let model = |name: &str| Arc::new(ScriptedModel::new(name, [])) as Arc<dyn ChatModel>;
        let mut roles = Roles::same(model("x"));
        for role in ModelRole::ALL {
            roles = roles.with(role, model(role.name()));
        }
        assert!(ModelRole::ALL.iter().all(|role| roles.get(*role).name() == role.name()));
    }
}
