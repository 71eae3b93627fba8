//! SHA-256 of what models are told, by which a replay knows a request again.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use image::RgbImage;
use sha2::{Digest, Sha256};

use crate::llm::{ChatRequest, Message, Role};

/// In hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hashes pictures once, however often they are sent.
#[derive(Default)]
pub struct PictureHashes {
    known: Mutex<HashMap<usize, (Weak<RgbImage>, String)>>,
}

impl PictureHashes {
    /// Of size and pixels.
    pub fn of(&self, image: &Arc<RgbImage>) -> String {
        let address = Arc::as_ptr(image) as usize;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A weak reference keeps the address from being given to another picture.
        if let Some((weak, hash)) = known.get(&address)
            && std::ptr::eq(weak.as_ptr(), Arc::as_ptr(image))
        {
            return hash.clone();
        }
        known.retain(|_, (weak, _)| weak.strong_count() > 0);
        let mut hasher = Sha256::new();
        hasher.update(image.width().to_le_bytes());
        hasher.update(image.height().to_le_bytes());
        hasher.update(image.as_raw());
        let hash = hex(&hasher.finalize());
        known.insert(address, (Arc::downgrade(image), hash.clone()));
        hash
    }

    /// Of everything in a message that a model can see.
    pub fn of_message(&self, message: &Message) -> String {
        let mut parts = Parts::default();
        parts.text(role_name(message.role));
        parts.text(&message.text);
        parts.text(if message.pictures_first { "pictures first" } else { "" });
        parts.count(message.pictures.len());
        for picture in &message.pictures {
            parts.text(&picture.label);
            parts.text(&self.of(&picture.image));
        }
        parts.count(message.tool_calls.len());
        for call in &message.tool_calls {
            [&call.id, &call.name, &call.arguments].into_iter().for_each(|part| parts.text(part));
        }
        parts.text(message.tool_call_id.as_deref().unwrap_or_default());
        parts.finish()
    }

    /// Of everything in a request that a model can see: no deadline, no session.
    pub fn of_request(&self, request: &ChatRequest) -> String {
        let mut parts = Parts::default();
        parts.count(request.messages.len());
        request.messages.iter().for_each(|message| parts.text(&self.of_message(message)));
        parts.count(request.tools.len());
        request.tools.iter().for_each(|tool| parts.text(&tool.to_string()));
        if let Some(schema) = &request.response_schema {
            parts.text(&schema.name);
            parts.text(&schema.schema.to_string());
        }
        parts.finish()
    }
}

/// As in the chat-completions protocol.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// Hashes texts so that no two lists of them look alike.
#[derive(Default)]
struct Parts(Sha256);

impl Parts {
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Picture;

    fn said(text: &str) -> ChatRequest {
        ChatRequest { messages: vec![Message::new(Role::User, text)], ..ChatRequest::default() }
    }

    #[test]
    fn sha256_of_the_standard() {
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn whatever_a_model_sees_changes_the_hash_and_nothing_else_does() {
        let hashes = PictureHashes::default();
        let base = said("a");
        let picture = |label: &str, gray| Picture {
            label: label.to_owned(),
            image: Arc::new(RgbImage::from_pixel(2, 3, image::Rgb([gray; 3]))),
        };
        let with = |pictures| {
            let mut request = said("a");
            request.messages[0].pictures = pictures;
            request
        };
        let mut others = vec![said("b"), said(""), with(vec![picture("x", 1)]), with(vec![picture("x", 2)])];
        others.push(with(vec![picture("y", 1)]));
        others.push(with(vec![picture("x", 1), picture("x", 1)]));
        others.push(ChatRequest { tools: vec![serde_json::json!({"a": 1})], ..said("a") });
        others.push(ChatRequest { messages: vec![Message::new(Role::System, "a")], ..ChatRequest::default() });
        let mut all: Vec<String> = others.iter().map(|other| hashes.of_request(other)).collect();
        all.push(hashes.of_request(&base));
        let n_all = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n_all);
        let same = ChatRequest { session_id: "s".into(), deadline: Some(std::time::Instant::now()), ..said("a") };
        assert_eq!(hashes.of_request(&same), hashes.of_request(&base));
        assert_eq!(hashes.of_request(&with(vec![picture("x", 1)])), hashes.of_request(&others[2]));
    }

    #[test]
    fn equal_pixels_of_another_shape_are_another_picture() {
        let hashes = PictureHashes::default();
        let (wide, tall) = (Arc::new(RgbImage::new(6, 2)), Arc::new(RgbImage::new(2, 6)));
        assert_ne!(hashes.of(&wide), hashes.of(&tall));
    }
}
