//! Which questions are recorded, and what a record says about the program.

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime},
};

use serde_json::Value;

use super::{App, Question};
use crate::{
    agent::prompt,
    config::{Declared, ParameterValue},
    session::{
        FORMAT, content_hash,
        record::{FALLBACK, MAIN, Recording},
        records::{GoalRecord, ModelRecord, SessionRecord},
    },
    tools,
};

impl App {
    /// The record of a question that was just accepted; none when nobody wants one.
    pub(super) fn start_recording(&self, question: &Question, accepted_at: Instant, deadline: Instant) -> Option<Recording> {
        if !question.record && !self.config.record.always {
            return None;
        }
        self.recorder.start(self.session_record(question, accepted_at, deadline), accepted_at)
    }

    fn session_record(&self, question: &Question, accepted_at: Instant, deadline: Instant) -> SessionRecord {
        let agent = &self.agent;
        let speaking = [(MAIN, Some(&agent.model)), (FALLBACK, agent.fallback.as_ref())];
        let models = speaking
            .into_iter()
            .filter_map(|(role, model)| Some(ModelRecord::new(role, model?.name(), model?.abilities())))
            .collect();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SessionRecord {
            format: FORMAT,
            session_id: question.session_id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_hash: option_env!("SPATIALCLAW_GIT_HASH").map(str::to_owned),
            recorded_at_unix_secs: since_1970.as_secs_f64(),
            accepted_nanos: self.now().nanos,
            goal: GoalRecord::new(&self.goal(question.clone(), deadline), accepted_at),
            models,
            segmenter: agent.perception.segmenter.name().to_owned(),
            limits: (&agent.limits).into(),
            prompt_sha256: content_hash::of_bytes(prompt::system_message(&tools::manual()).text.as_bytes()),
            max_failures: agent.max_failures,
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
