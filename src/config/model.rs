//! Models: where they are, how they are asked, and what stands in for them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{ParameterValue, Reader};
use crate::llm::{
    ModelRole, Prices,
    http::{HttpLimits, HttpSettings, Url, base_url},
    presets::{PRESET_NAMES, PRESETS, Preset, Server},
};

/// Models as configured; without an address the offline brain answers alone.
#[derive(Clone, Debug)]
pub struct ModelParameters {
    /// Writes the cells, and does everything that has no model of its own.
    pub main: Option<ModelChoice>,
    /// Stands in for `main`.
    pub second: Option<ModelChoice>,
    /// Roles with a model of their own.
    pub roles: Vec<(ModelRole, ModelChoice)>,
    /// The offline brain stands in when no model answers.
    pub falls_back_offline: bool,
    /// Time that a model must leave to those that stand in for it.
    pub reserve: Duration,
    /// For how long a failed call is tried again.
    pub retry_for: Duration,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// One model.
#[derive(Clone, Debug)]
pub struct ModelChoice {
    /// Servers that offer it; at least one.
    pub servers: Vec<Url>,
    /// Environment variable with the key; empty = no key.
    pub api_key_env: String,
    /// As for the first server, still without key.
    pub settings: HttpSettings,
}

/// What all models share.
#[derive(Clone, Copy)]
struct Shared {
    limits: HttpLimits,
    picture_edge_px: u32,
    picture_quality: u8,
}

pub(super) fn models(r: &mut Reader) -> ModelParameters {
    let shared = shared(r);
    let retry_secs = r.double(
        "model.retry_secs",
        8.0,
        0.0..=600.0,
        "Seconds for which a failed call of a model is tried again, within the goal's deadline.",
    );
    let ca_file =
        r.string("model.ca_file", "", "File of certificates (PEM) that are trusted beside the system's; empty = none.");
    let main = choice(r, "model", &BTreeMap::new(), shared);
    if let Some(main) = &main
        && main.settings.model.is_empty()
    {
        let expected = "the name under which the server offers the model, because this preset has none";
        r.reject("model.name", &ParameterValue::String(String::new()), expected);
    }
    let inherited = written(r, "model");
    let second = choice(r, "model.fallback", &inherited, shared);
    let falls_back_offline =
        r.bool("model.fallback.offline", true, "The offline brain stands in when no model answers.");
    let reserve_secs = r.double(
        "model.fallback.reserve_secs",
        3.0,
        0.0..=600.0,
        "Seconds of a goal that a model must leave to those that stand in for it.",
    );
    let mut roles = Vec::new();
    for role in ModelRole::ALL.into_iter().filter(|role| *role != ModelRole::Main) {
        let prefix = format!("model.{}", role.name());
        if !r.is_given(&format!("{prefix}.")) {
            continue;
        }
        match choice(r, &prefix, &inherited, shared) {
            Some(choice) => roles.push((role, choice)),
            None => {
                let expected = "an address here or in model.base_url, because other parameters of this role are given";
                r.reject(&format!("{prefix}.base_url"), &ParameterValue::String(String::new()), expected);
            }
        }
    }
    ModelParameters {
        main,
        second,
        roles,
        falls_back_offline,
        reserve: Duration::from_secs_f64(reserve_secs),
        retry_for: Duration::from_secs_f64(retry_secs),
        ca_file: (!ca_file.is_empty()).then(|| PathBuf::from(ca_file)),
    }
}

/// Values of the main model that a role takes over when it does not name its own. A model at another address takes over nothing: a key is
/// only sent where it was meant to go.
fn written(r: &Reader, prefix: &str) -> BTreeMap<&'static str, ParameterValue> {
    [
        "base_url",
        "preset",
        "server",
        "name",
        "api_key_env",
        "thinking",
        "temperature",
        "max_tokens",
        "price_read",
        "price_written",
    ]
    .into_iter()
    .filter_map(|field| Some((field, r.value(&format!("{prefix}.{field}"))?.clone())))
    .collect()
}

/// The model whose parameters begin with `prefix`; `None` when it has no address.
fn choice(
    r: &mut Reader,
    prefix: &str,
    inherited: &BTreeMap<&'static str, ParameterValue>,
    shared: Shared,
) -> Option<ModelChoice> {
    let is_role = prefix != "model" && prefix != "model.fallback";
    let name_of = |field: &str| format!("{prefix}.{field}");
    let from_main = |field: &str| inherited.get(field).filter(|_| is_role);
    let text_of_main = |field: &str| match from_main(field) {
        Some(ParameterValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let default_url = text_of_main("base_url");
    let urls = r.string(
        &name_of("base_url"),
        &default_url,
        "Address of a chat-completions server, up to /chat/completions; several servers of one model are separated by spaces; empty = none.",
    );
    let is_elsewhere = is_role && urls != default_url;
    let taken_over = |field: &str| if is_elsewhere { String::new() } else { text_of_main(field) };
    let preset_at = r.one_of_from(
        &name_of("preset"),
        PRESET_NAMES,
        &taken_over("preset"),
        "What is known of the model: sampling, thinking, pictures.",
    );
    let preset: &Preset = PRESETS.get(preset_at).unwrap_or(&PRESETS[0]);
    let server_at = r.one_of_from(
        &name_of("server"),
        Server::NAMES,
        &taken_over("server"),
        "Program that serves the model, for the fields it takes; auto = the preset's.",
    );
    let name = r.string(
        &name_of("name"),
        &taken_over("name"),
        "Name under which the server offers the model; empty = the preset's.",
    );
    let api_key_env = r.string(
        &name_of("api_key_env"),
        &taken_over("api_key_env"),
        "Environment variable that holds the key; empty = no key is sent.",
    );
    let thinking = [None, Some(true), Some(false)];
    let thinking_at = r.one_of_from(
        &name_of("thinking"),
        &["auto", "on", "off"],
        &taken_over("thinking"),
        "Whether the model thinks before it writes; auto = as the preset has it.",
    );
    let number = |field: &str, otherwise: f64| match from_main(field).filter(|_| !is_elsewhere) {
        Some(ParameterValue::Double(value)) => *value,
        _ => otherwise,
    };
    let temperature = r.double(
        &name_of("temperature"),
        number("temperature", -1.0),
        -1.0..=2.0,
        "0 = always the likeliest word; negative = the preset's.",
    );
    let max_tokens = match from_main("max_tokens").filter(|_| !is_elsewhere) {
        Some(ParameterValue::Integer(value)) => *value,
        _ => 0,
    };
    let max_tokens = r.integer(
        &name_of("max_tokens"),
        max_tokens,
        0..=1_000_000,
        "Tokens written in one reply at most, thinking included; 0 = the preset's.",
    );
    let prices = Prices {
        per_million_prompt_tokens: r.double(
            &name_of("price_read"),
            number("price_read", 0.0),
            0.0..=1e6,
            "Price of a million tokens read, in any currency; for counting the cost of goals.",
        ),
        per_million_completion_tokens: r.double(
            &name_of("price_written"),
            number("price_written", 0.0),
            0.0..=1e6,
            "Price of a million tokens written.",
        ),
    };
    let mut servers = Vec::new();
    for text in urls.split_whitespace() {
        match base_url(text) {
            Ok(url) => servers.push(url),
            Err(expected) => r.reject(&name_of("base_url"), &ParameterValue::String(urls.clone()), expected),
        }
    }
    let mut settings = HttpSettings::from_preset(preset, servers.first()?.clone());
    if !name.is_empty() {
        settings.model = name;
    }
    settings.server = Server::at(server_at).unwrap_or(preset.server);
    let thinking = thinking.get(thinking_at).copied().flatten();
    settings.sampling = preset.sampling(thinking);
    if temperature >= 0.0 {
        settings.sampling.temperature = Some(temperature);
    }
    if max_tokens > 0 {
        settings.sampling.max_tokens = u32::try_from(max_tokens).ok();
    }
    settings.limits = shared.limits;
    settings.pictures.long_edge_px = shared.picture_edge_px;
    settings.pictures.quality = shared.picture_quality;
    settings.prices = prices;
    Some(ModelChoice { servers, api_key_env, settings })
}

fn shared(r: &mut Reader) -> Shared {
    let defaults = HttpLimits::default();
    let mut secs = |name: &str, default: Duration, description: &'static str| {
        Duration::from_secs_f64(r.double(name, default.as_secs_f64(), 0.1..=3600.0, description))
    };
    let connect = secs("model.connect_secs", defaults.connect, "Seconds to open a connection to a model.");
    let first_byte =
        secs("model.first_byte_secs", defaults.first_byte, "Seconds from a request to the first bytes of its reply.");
    let idle = secs("model.idle_secs", defaults.idle, "Seconds that a reply may stand still.");
    let total = secs("model.total_secs", defaults.total, "Seconds for a whole reply; a goal's deadline may be nearer.");
    let max_reply_megabytes = r.integer(
        "model.max_reply_megabytes",
        (defaults.max_reply_bytes >> 20) as i64,
        1..=1024,
        "Mebibytes of one reply.",
    );
    let picture_edge_px = r.integer(
        "model.picture_edge_px",
        1024,
        64..=8192,
        "Pixels of a picture's longer side as the model gets it; smaller pictures stay as they are.",
    );
    let picture_quality =
        r.integer("model.picture_quality", 90, 1..=100, "JPEG quality of pictures as the model gets them.");
    Shared {
        limits: HttpLimits {
            connect,
            first_byte,
            idle,
            total,
            max_reply_bytes: (max_reply_megabytes as usize) << 20,
            max_event_bytes: defaults.max_event_bytes,
        },
        picture_edge_px: picture_edge_px as u32,
        picture_quality: picture_quality as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn read(given: &[(&str, ParameterValue)]) -> Result<ModelParameters, ConfigError> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Config::from_parameters(given).map(|config| config.model)
    }

    fn text(value: &str) -> ParameterValue {
        ParameterValue::String(value.to_owned())
    }

    #[test]
    fn without_an_address_there_is_no_model() {
        let model = read(&[]).unwrap();
        assert!(model.main.is_none() && model.second.is_none() && model.roles.is_empty());
    }

    #[test]
    fn a_preset_and_an_address_are_enough() {
        let model = read(&[
            ("model.base_url", text("http://10.0.0.5:8000/v1 http://10.0.0.6:8000/v1")),
            ("model.preset", text("qwen3.6-27b")),
            ("model.temperature", ParameterValue::Double(0.0)),
            ("model.thinking", text("off")),
        ])
        .unwrap();
        let main = model.main.unwrap();
        assert_eq!(main.servers.len(), 2);
        assert_eq!((main.settings.model.as_str(), main.settings.server), ("Qwen/Qwen3.6-27B", Server::Vllm));
        let sampling = &main.settings.sampling;
        assert_eq!((sampling.temperature, sampling.thinking, sampling.top_p), (Some(0.0), Some(false), Some(0.8)));
    }

    #[test]
    fn a_role_takes_over_what_it_does_not_name_but_no_key_to_another_address() {
        let model = read(&[
            ("model.base_url", text("http://10.0.0.5:8000/v1")),
            ("model.preset", text("qwen3.6-27b")),
            ("model.api_key_env", text("MY_KEY")),
            ("model.grounding.temperature", ParameterValue::Double(0.1)),
            ("model.vlm.base_url", text("https://generativelanguage.googleapis.com/v1beta/openai/")),
            ("model.vlm.preset", text("gemini")),
            ("model.fallback.base_url", text("http://10.0.0.9/v1")),
            ("model.fallback.preset", text("gemma4-31b")),
        ])
        .unwrap();
        let roles: Vec<_> = model
            .roles
            .iter()
            .map(|(role, choice)| {
                (role.name(), &*choice.settings.model, &*choice.api_key_env, choice.settings.sampling.temperature)
            })
            .collect();
        assert_eq!(
            roles,
            [("vlm", "gemini-3.5-flash", "", Some(1.0)), ("grounding", "Qwen/Qwen3.6-27B", "MY_KEY", Some(0.1))]
        );
        let second = model.second.unwrap();
        assert_eq!((second.settings.model.as_str(), second.api_key_env.as_str()), ("google/gemma-4-31B-it", ""));
    }

    #[test]
    fn unusable_values_say_what_is_expected() {
        let check = |given: &[(&str, ParameterValue)], message: &str| {
            assert_eq!(read(given).unwrap_err().to_string(), message);
        };
        let expected = "addresses such as http://127.0.0.1:8000/v1, without user, password, query or fragment";
        for url in ["ftp://a/v1", "http://me:secret@host/v1", "127.0.0.1:8000", "http://a/v1?key=1"] {
            check(
                &[("model.base_url", text(url)), ("model.name", text("m"))],
                &format!("parameter \"model.base_url\" is {url:?}, expected {expected}"),
            );
        }
        check(
            &[("model.base_url", text("http://a/v1"))],
            "parameter \"model.name\" is \"\", expected the name under which the server offers the model, because this preset \
             has none",
        );
        check(
            &[("model.grounding.temperature", ParameterValue::Double(0.1))],
            "parameter \"model.grounding.base_url\" is \"\", expected an address here or in model.base_url, because other \
             parameters of this role are given",
        );
        check(
            &[("model.groundin.temperature", ParameterValue::Double(0.1))],
            "parameter \"model.groundin.temperature\" is unknown; nearest known: \"model.fallback.temperature\"",
        );
    }
}
