//! Models from the configuration: servers joined into pools, pools into chains of those that stand in for each other.

use std::{collections::HashMap, path::Path, sync::Arc};

use thiserror::Error;

use crate::{
    config::{ModelChoice, ModelParameters},
    llm::{
        ChatModel, ModelRole, Roles, Vision,
        failover::Failover,
        http::{ApiKey, ConnectError, Connector, HttpModel, KeyError},
        offline::OfflineBrain,
        pool::{Pool, PoolSettings},
    },
};

/// Why the configured models cannot be used.
#[derive(Debug, Error)]
pub enum ModelsError {
    /// A key is missing.
    #[error("model \"{model}\" has no key: {error}")]
    Key {
        /// The model.
        model: String,
        /// What was found.
        error: KeyError,
    },
    /// No client can be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Models ready to be asked.
pub struct Models {
    /// Who does what.
    pub roles: Roles,
    /// Looks at pictures; `None` = no model is configured that could.
    pub vision: Option<Arc<Vision>>,
    /// Takes the last turn; `None` = the role `general` has no model of its own, so whoever writes the cells does.
    pub finisher: Option<Arc<dyn ChatModel>>,
    /// Models that a goal may name.
    pub by_name: HashMap<String, Arc<dyn ChatModel>>,
}

impl Models {
    /// Builds what `parameters` ask for; keys are read through `env`.
    ///
    /// # Errors
    /// [`ModelsError`].
    pub fn build(parameters: &ModelParameters, env: impl Fn(&str) -> Option<String>) -> Result<Models, ModelsError> {
        let offline: Arc<dyn ChatModel> = Arc::new(OfflineBrain);
        let mut by_name = HashMap::from([(offline.name().to_owned(), offline.clone())]);
        let is_offline = parameters.main.is_none() && parameters.roles.is_empty();
        if is_offline {
            return Ok(Models { roles: Roles::same(offline), vision: None, finisher: None, by_name });
        }
        let connector = Connector::new(parameters.ca_file.as_deref().map(Path::new))?;
        let pool = |choice: &ModelChoice| pool(choice, parameters, &connector, &env);
        let second = parameters.second.as_ref().map(pool).transpose()?;
        // What looks at pictures has no use for the offline brain, which has no eyes.
        let seeing = |model: Arc<dyn ChatModel>| chain(model, second.iter().cloned().collect(), parameters);
        let mut main: Arc<dyn ChatModel> = offline.clone();
        let mut roles = Roles::same(offline.clone());
        let mut sees = false;
        if let Some(choice) = &parameters.main {
            let own = pool(choice)?;
            let stand_ins: Vec<_> =
                second.iter().cloned().chain(parameters.falls_back_offline.then(|| offline.clone())).collect();
            main = chain(own.clone(), stand_ins, parameters);
            by_name.insert(own.name().to_owned(), main.clone());
            roles = Roles::same(seeing(own));
            sees = true;
        }
        if let Some(second) = &second {
            by_name.entry(second.name().to_owned()).or_insert_with(|| second.clone());
        }
        for (role, choice) in &parameters.roles {
            roles = roles.with(*role, seeing(pool(choice)?));
            sees |= matches!(role, ModelRole::Vlm | ModelRole::Grounding);
        }
        roles = roles.with(ModelRole::Main, main);
        let vision = sees.then(|| Arc::new(Vision::new(&roles)));
        let has_own = |wanted: ModelRole| parameters.roles.iter().any(|(role, _)| *role == wanted);
        let finisher = has_own(ModelRole::General).then(|| roles.get(ModelRole::General).clone());
        Ok(Models { roles, vision, finisher, by_name })
    }
}

fn chain(
    first: Arc<dyn ChatModel>,
    others: Vec<Arc<dyn ChatModel>>,
    parameters: &ModelParameters,
) -> Arc<dyn ChatModel> {
    if others.is_empty() { first } else { Arc::new(Failover::new(first, others, parameters.reserve)) }
}

fn pool(
    choice: &ModelChoice,
    parameters: &ModelParameters,
    connector: &Connector,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn ChatModel>, ModelsError> {
    let name = choice.settings.model.clone();
    let key = match choice.api_key_env.as_str() {
        "" => None,
        variable => {
            let key = ApiKey::from_env(variable, env);
            Some(key.map_err(|error| ModelsError::Key { model: name.clone(), error })?)
        }
    };
    let mut members: Vec<Arc<dyn ChatModel>> = Vec::new();
    for server in &choice.servers {
        let mut settings = choice.settings.clone();
        settings.base_url = server.clone();
        settings.key.clone_from(&key);
        members.push(Arc::new(HttpModel::new(settings, connector)?));
    }
    // Robots that lost the same server must not come back in step.
    let settings = PoolSettings {
        retry_for: parameters.retry_for,
        seed: u64::from(std::process::id()),
        ..PoolSettings::default()
    };
    Ok(Arc::new(Pool::new(&name, members, settings)))
}
