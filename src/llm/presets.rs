//! What is known of models and servers: sampling, the switch for thinking, the way places are written, limits of pictures.
//!
//! A [`Preset`] is one line of [`PRESETS`]; what a server takes beyond the common fields is one arm of [`Server::dialect`].

use super::PointOrder;

/// How a model chooses its words. What is `None` is not sent and left to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 = always the likeliest.
    pub temperature: Option<f64>,
    /// Share of probability that is kept.
    pub top_p: Option<f64>,
    /// Tokens that are kept; only where the server takes it.
    pub top_k: Option<u32>,
    /// Smallest probability against the likeliest token; only where the server takes it.
    pub min_p: Option<f64>,
    /// Against words that have been used.
    pub presence_penalty: Option<f64>,
    /// Tokens written at most, thinking included.
    pub max_tokens: Option<u32>,
    /// Texts that end the reply.
    pub stop: Vec<String>,
    /// Makes the choice repeatable where the server can.
    pub seed: Option<i64>,
    /// Whether the model thinks before it writes; `None` = as the server has it.
    pub thinking: Option<bool>,
}

/// What a server program understands beyond the common fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Nothing but the common fields.
    Generic,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's server.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// Gemini's endpoint for this protocol.
    Gemini,
    /// OpenAI.
    OpenAi,
}

/// How a server is told whether to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingField {
    /// It is not told.
    None,
    /// `chat_template_kwargs: {"enable_thinking": ...}`.
    ChatTemplate,
    /// `reasoning_effort`, with these words for on and off.
    Effort {
        /// Word for on.
        on: &'static str,
        /// Word for off, or the least there is.
        off: &'static str,
    },
}

/// The fields that a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// `top_k`, `min_p`.
    pub takes_top_k: bool,
    /// `presence_penalty`.
    pub takes_penalty: bool,
    /// `seed`.
    pub takes_seed: bool,
    /// `response_format` of type `json_schema`.
    pub takes_schema: bool,
    /// `max_completion_tokens` instead of `max_tokens`.
    pub renames_max_tokens: bool,
    /// The switch for thinking.
    pub thinking: ThinkingField,
}

impl Server {
    /// Names in the configuration; the first is the default, which leaves it to the preset.
    pub const NAMES: &'static [&'static str] =
        &["auto", "generic", "vllm", "sglang", "llama.cpp", "ollama", "gemini", "openai"];

    /// The server at a position of [`Server::NAMES`]; `None` = the preset's.
    pub fn at(position: usize) -> Option<Server> {
        use Server::{Gemini, Generic, LlamaCpp, Ollama, OpenAi, Sglang, Vllm};
        [None, Some(Generic), Some(Vllm), Some(Sglang), Some(LlamaCpp), Some(Ollama), Some(Gemini), Some(OpenAi)]
            .get(position)
            .copied()
            .flatten()
    }

    /// The fields it takes. A hosted server refuses a request with a field that it does not know.
    pub fn dialect(self) -> Dialect {
        let common = Dialect {
            takes_top_k: false,
            takes_penalty: true,
            takes_seed: true,
            takes_schema: true,
            renames_max_tokens: false,
            thinking: ThinkingField::None,
        };
        match self {
            Server::Generic => Dialect { takes_penalty: false, takes_seed: false, takes_schema: false, ..common },
            Server::Vllm | Server::Sglang | Server::LlamaCpp => {
                Dialect { takes_top_k: true, thinking: ThinkingField::ChatTemplate, ..common }
            }
            Server::Ollama => Dialect { thinking: ThinkingField::Effort { on: "medium", off: "none" }, ..common },
            Server::Gemini => Dialect {
                takes_penalty: false,
                takes_seed: false,
                thinking: ThinkingField::Effort { on: "high", off: "low" },
                ..common
            },
            Server::OpenAi => Dialect {
                renames_max_tokens: true,
                thinking: ThinkingField::Effort { on: "medium", off: "low" },
                ..common
            },
        }
    }
}

/// What a request may hold of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Pictures in one request; older ones are left out, which the request says in their place.
    pub max_pictures: usize,
    /// A longer side in pixels is shrunk to this.
    pub long_edge_px: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

/// What is known of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Name in the configuration.
    pub name: &'static str,
    /// Name under which servers usually offer it; empty = must be configured.
    pub served_name: &'static str,
    /// Server it usually runs on.
    pub server: Server,
    /// Sampling while it thinks.
    pub thinking: SamplingTable,
    /// Sampling without thinking.
    pub plain: SamplingTable,
    /// Whether it thinks unless told otherwise; `None` = it has no such switch.
    pub thinks: Option<bool>,
    /// Special tokens must stay in the output, because the server finds the thinking by them.
    pub keeps_special_tokens: bool,
    /// How it writes places when nobody names the numbers.
    pub point_order: PointOrder,
    /// Pictures.
    pub pictures: PictureLimits,
}

/// Sampling as a model's makers advise it; negative = not sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingTable {
    /// See [`Sampling`].
    pub temperature: f64,
    /// See [`Sampling`].
    pub top_p: f64,
    /// See [`Sampling`].
    pub top_k: i32,
    /// See [`Sampling`].
    pub presence_penalty: f64,
    /// See [`Sampling`].
    pub max_tokens: u32,
}

const PICTURES: PictureLimits = PictureLimits { max_pictures: 64, long_edge_px: 1024, quality: 90 };

/// Precise work with thinking, as the makers of Qwen advise.
const QWEN_THINKING: SamplingTable =
    SamplingTable { temperature: 0.6, top_p: 0.95, top_k: 20, presence_penalty: 0.0, max_tokens: 32_768 };
const QWEN_PLAIN: SamplingTable =
    SamplingTable { temperature: 0.7, top_p: 0.8, top_k: 20, presence_penalty: 1.5, max_tokens: 16_384 };
const GEMMA: SamplingTable =
    SamplingTable { temperature: 1.0, top_p: 0.95, top_k: 64, presence_penalty: -1.0, max_tokens: 16_384 };
/// Gemini's makers advise against another temperature than 1.
const GEMINI: SamplingTable =
    SamplingTable { temperature: 1.0, top_p: 0.95, top_k: -1, presence_penalty: -1.0, max_tokens: 32_768 };
const SERVERS_OWN: SamplingTable =
    SamplingTable { temperature: -1.0, top_p: -1.0, top_k: -1, presence_penalty: -1.0, max_tokens: 8_192 };

const GENERIC: Preset = Preset {
    name: "generic",
    served_name: "",
    server: Server::Generic,
    thinking: SERVERS_OWN,
    plain: SERVERS_OWN,
    thinks: None,
    keeps_special_tokens: false,
    point_order: PointOrder::XFirst,
    pictures: PictureLimits { max_pictures: 16, ..PICTURES },
};

const fn qwen(name: &'static str, served_name: &'static str) -> Preset {
    Preset {
        name,
        served_name,
        server: Server::Vllm,
        thinking: QWEN_THINKING,
        plain: QWEN_PLAIN,
        thinks: Some(true),
        pictures: PICTURES,
        ..GENERIC
    }
}

const fn gemma(name: &'static str, served_name: &'static str) -> Preset {
    Preset {
        name,
        served_name,
        server: Server::Vllm,
        thinking: GEMMA,
        plain: GEMMA,
        thinks: Some(true),
        keeps_special_tokens: true,
        point_order: PointOrder::YFirst,
        pictures: PictureLimits { max_pictures: 32, ..PICTURES },
    }
}

/// Every preset; the first is the default.
pub const PRESETS: [Preset; 9] = [
    GENERIC,
    qwen("qwen3.5-397b-a17b", "Qwen/Qwen3.5-397B-A17B"),
    qwen("qwen3.5-122b-a10b", "Qwen/Qwen3.5-122B-A10B"),
    qwen("qwen3.6-35b-a3b", "Qwen/Qwen3.6-35B-A3B"),
    qwen("qwen3.6-27b", "Qwen/Qwen3.6-27B"),
    gemma("gemma4-31b", "google/gemma-4-31B-it"),
    gemma("gemma4-26b-a4b", "google/gemma-4-26B-A4B-it"),
    Preset {
        name: "gemini",
        served_name: "gemini-3.5-flash",
        server: Server::Gemini,
        thinking: GEMINI,
        plain: GEMINI,
        thinks: Some(true),
        point_order: PointOrder::YFirst,
        pictures: PICTURES,
        ..GENERIC
    },
    Preset { name: "openai", server: Server::OpenAi, pictures: PICTURES, ..GENERIC },
];

/// Names of all presets, for the configuration.
pub const PRESET_NAMES: &[&str] = &[
    "generic",
    "qwen3.5-397b-a17b",
    "qwen3.5-122b-a10b",
    "qwen3.6-35b-a3b",
    "qwen3.6-27b",
    "gemma4-31b",
    "gemma4-26b-a4b",
    "gemini",
    "openai",
];

impl Preset {
    /// The preset with this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Its sampling, with thinking as wanted, or as it is used to.
    pub fn sampling(&self, thinking: Option<bool>) -> Sampling {
        let thinking = thinking.or(self.thinks);
        let table = if thinking == Some(false) { &self.plain } else { &self.thinking };
        let sent = |value: f64| (value >= 0.0).then_some(value);
        Sampling {
            temperature: sent(table.temperature),
            top_p: sent(table.top_p),
            top_k: u32::try_from(table.top_k).ok(),
            min_p: None,
            presence_penalty: sent(table.presence_penalty),
            max_tokens: Some(table.max_tokens),
            stop: Vec::new(),
            seed: None,
            thinking,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_names_is_that_of_the_presets() {
        assert_eq!(PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>(), PRESET_NAMES);
        assert_eq!((Server::at(0), Server::at(2), Server::at(99)), (None, Some(Server::Vllm), None));
        assert!((1..Server::NAMES.len()).all(|position| Server::at(position).is_some()));
    }

    #[test]
    fn thinking_chooses_the_sampling() {
        let qwen = Preset::named("qwen3.6-27b").unwrap();
        let check = |thinking: Option<bool>, temperature: f64, penalty: f64, told: bool| {
            let sampling = qwen.sampling(thinking);
            assert_eq!(
                (sampling.temperature, sampling.presence_penalty, sampling.thinking, sampling.top_k),
                (Some(temperature), Some(penalty), Some(told), Some(20))
            );
        };
        check(None, 0.6, 0.0, true);
        check(Some(true), 0.6, 0.0, true);
        check(Some(false), 0.7, 1.5, false);
        let generic = Preset::named("generic").unwrap().sampling(None);
        assert_eq!(generic, Sampling { max_tokens: Some(8192), ..Sampling::default() });
    }
}
