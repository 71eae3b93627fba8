//! Which questions are recorded, and what a record says about the program.

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime},
};

use serde_json::Value;

use super::{App, Question};
use crate::{
    agent::{Agent, Goal, prompt},
    config::{Declared, ParameterValue},
    session::{
        FORMAT, parts,
        record::Recording,
        records::{GoalRecord, ModelRecord, SessionRecord},
    },
};

impl App {
    /// The record of a question that was just accepted; none when nobody wants one.
    pub(super) fn start_recording(
        &self,
        agent: &Agent,
        question: &Question,
        goal: &Goal,
        accepted_at: Instant,
    ) -> Option<Recording> {
        if !question.record && !self.config.record.always {
            return None;
        }
        self.recorder.start(self.session_record(agent, goal, accepted_at), accepted_at)
    }

    fn session_record(&self, agent: &Agent, goal: &Goal, accepted_at: Instant) -> SessionRecord {
        let models = parts::models(agent)
            .into_iter()
            .map(|(role, model)| ModelRecord::new(role, model.name(), model.abilities()))
            .collect();
        let abilities = agent.model.abilities();
        let interface = goal.interface.implementation(abilities, &agent.settings.rules);
        let instructions = prompt::instructions(&agent.settings.prompt, interface.as_ref(), abilities);
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SessionRecord {
            format: FORMAT,
            session_id: goal.session_id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_hash: option_env!("SPATIALCLAW_GIT_HASH").map(str::to_owned),
            recorded_at_unix_secs: since_1970.as_secs_f64(),
            accepted_nanos: self.now().nanos,
            goal: GoalRecord::new(goal, accepted_at),
            models,
            segmenter: agent.perception.segmenter.name().to_owned(),
            limits: (&agent.limits).into(),
            prompt_hash: prompt::hash(&instructions),
            agent: serde_json::to_string(&agent.settings).unwrap_or_default(),
            parameters: self.config.declared.iter().map(parameter).collect::<BTreeMap<_, _>>(),
        }
    }
}

/// Keys come from the environment and are no parameters. Should one be written into a parameter all the same, it stays out of files.
fn parameter(declared: &Declared) -> (String, Value) {
    let last = declared.name.rsplit('.').next().unwrap_or_default();
    let is_secret = ["key", "token", "password", "secret"].iter().any(|word| last.split('_').any(|part| part == *word));
    let value = match &declared.value {
        _ if is_secret => Value::from("(left out)"),
        ParameterValue::Bool(value) => Value::from(*value),
        ParameterValue::Integer(value) => Value::from(*value),
        ParameterValue::Double(value) => Value::from(*value),
        ParameterValue::String(value) => Value::from(value.clone()),
        ParameterValue::StringArray(values) => Value::from(values.clone()),
        ParameterValue::Other(kind) => Value::from(*kind),
    };
    (declared.name.clone(), value)
}
