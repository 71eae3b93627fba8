//! Pictures as requests carry them: JPEG in a data URI, made once for each picture and size.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{
    RgbImage,
    imageops::{FilterType, resize},
};
use siphasher::sip128::SipHasher13;

use crate::{
    llm::presets::PictureLimits,
    memory::parallel::{NEVER, parallel_chunks},
    scene::image_encode::jpeg,
};

/// Bytes of encoded pictures that are kept.
const MAX_CACHE_BYTES: usize = 48 << 20;

/// A picture cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a picture of {width}x{height} px cannot be sent: {reason}")]
pub struct PictureError {
    width: u32,
    height: u32,
    reason: String,
}

/// Pictures by content, so that one that is sent every turn is encoded once. The oldest unused go first.
#[derive(Default)]
pub struct PictureCache {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    /// Contents by address; the weak reference keeps the address from being used for another picture.
    contents: HashMap<usize, (Weak<RgbImage>, u128)>,
    n_bytes: usize,
    n_uses: u64,
    n_encoded: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    content: u128,
    width: u32,
    height: u32,
    long_edge_px: u32,
    quality: u8,
}

struct Entry {
    data_uri: Arc<str>,
    last_use: u64,
}

impl PictureCache {
    /// The pictures as data URIs, in their order; new ones are encoded on all cores.
    ///
    /// # Errors
    /// As [`PictureCache::data_uri`].
    pub fn data_uris(&self, images: &[&Arc<RgbImage>], limits: &PictureLimits) -> Result<Vec<Arc<str>>, PictureError> {
        let encode = |images: &[&Arc<RgbImage>]| -> Result<Vec<Arc<str>>, PictureError> {
            images.iter().map(|image| self.data_uri(image, limits)).collect()
        };
        let n_unknown = images.iter().filter(|image| self.known_content(image).is_none()).count();
        if n_unknown < 2 {
            return encode(images);
        }
        let work = |range: Range<usize>| encode(images.get(range).unwrap_or_default());
        match parallel_chunks(images.len(), 1, NEVER, work) {
            Ok(chunks) => Ok(chunks.into_iter().collect::<Result<Vec<_>, _>>()?.concat()),
            // Nobody interrupts it.
            Err(_) => encode(images),
        }
    }

    /// The picture as a data URI, no longer than `limits.long_edge_px` on its longer side.
    ///
    /// # Errors
    /// When it is empty or larger than JPEG can hold.
    pub fn data_uri(&self, image: &Arc<RgbImage>, limits: &PictureLimits) -> Result<Arc<str>, PictureError> {
        let key = Key {
            content: self.content(image),
            width: image.width(),
            height: image.height(),
            long_edge_px: limits.long_edge_px,
            quality: limits.quality,
        };
        {
            let mut inner = self.lock();
            inner.n_uses += 1;
            let n_uses = inner.n_uses;
            if let Some(entry) = inner.entries.get_mut(&key) {
                entry.last_use = n_uses;
                return Ok(entry.data_uri.clone());
            }
        }
        let data_uri: Arc<str> = encode(image, limits)?.into();
        let mut inner = self.lock();
        inner.n_encoded += 1;
        let last_use = inner.n_uses;
        inner.n_bytes += data_uri.len();
        if let Some(old) = inner.entries.insert(key, Entry { data_uri: data_uri.clone(), last_use }) {
            inner.n_bytes -= old.data_uri.len();
        }
        while inner.n_bytes > MAX_CACHE_BYTES && inner.entries.len() > 1 {
            let Some(oldest) = inner.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(key, _)| *key) else {
                break;
            };
            if let Some(gone) = inner.entries.remove(&oldest) {
                inner.n_bytes -= gone.data_uri.len();
            }
        }
        Ok(data_uri)
    }

    /// How many pictures were encoded so far.
    pub fn n_encoded(&self) -> u64 {
        self.lock().n_encoded
    }

    fn known_content(&self, image: &Arc<RgbImage>) -> Option<u128> {
        let inner = self.lock();
        let (known, content) = inner.contents.get(&(Arc::as_ptr(image) as usize))?;
        known.upgrade().is_some_and(|known| Arc::ptr_eq(&known, image)).then_some(*content)
    }

    fn content(&self, image: &Arc<RgbImage>) -> u128 {
        let address = Arc::as_ptr(image) as usize;
        if let Some(content) = self.known_content(image) {
            return content;
        }
        let content = content_hash(image.as_raw());
        let mut inner = self.lock();
        inner.contents.retain(|_, (known, _)| known.strong_count() > 0);
        inner.contents.insert(address, (Arc::downgrade(image), content));
        content
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for PictureCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.lock();
        write!(f, "PictureCache({} pictures, {} bytes)", inner.entries.len(), inner.n_bytes)
    }
}

/// 128 bits of SipHash: chance does not find two pictures with the same.
fn content_hash(bytes: &[u8]) -> u128 {
    SipHasher13::new().hash(bytes).as_u128()
}

fn encode(image: &RgbImage, limits: &PictureLimits) -> Result<String, PictureError> {
    let (width, height) = image.dimensions();
    let failed = |reason: String| PictureError { width, height, reason };
    let long_edge = width.max(height);
    if width == 0 || height == 0 {
        return Err(failed("it is empty".to_owned()));
    }
    let shrunk = (limits.long_edge_px > 0 && long_edge > limits.long_edge_px).then(|| {
        let scaled = |edge: u32| {
            let scaled = f64::from(edge) * f64::from(limits.long_edge_px) / f64::from(long_edge);
            (scaled.round() as u32).max(1)
        };
        resize(image, scaled(width), scaled(height), FilterType::Triangle)
    });
    let jpeg = jpeg(shrunk.as_ref().unwrap_or(image), limits.quality).map_err(|error| failed(error.to_string()))?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(&jpeg)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    const LIMITS: PictureLimits = PictureLimits { max_pictures: 8, long_edge_px: 64, quality: 90 };

    fn ramp(width: u32, height: u32) -> Arc<RgbImage> {
        Arc::new(RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128])))
    }

    fn decoded(uri: &str) -> RgbImage {
        let base64 = uri.strip_prefix("data:image/jpeg;base64,").unwrap();
        image::load_from_memory(&STANDARD.decode(base64).unwrap()).unwrap().to_rgb8()
    }

    #[test]
    fn a_picture_is_shrunk_to_its_long_edge_and_keeps_its_look() {
        let check = |(width, height): (u32, u32), expected: (u32, u32)| {
            let picture = decoded(&PictureCache::default().data_uri(&ramp(width, height), &LIMITS).unwrap());
            assert_eq!(picture.dimensions(), expected);
            for (x, y, pixel) in picture.enumerate_pixels() {
                let truth = [x * 255 / expected.0, y * 255 / expected.1, 128];
                let error = pixel.0.iter().zip(truth).map(|(a, b)| i64::from(*a).abs_diff(i64::from(b))).max();
                assert!(error.unwrap() <= 12, "{pixel:?} at {x},{y}, wanted {truth:?}");
            }
        };
        check((128, 96), (64, 48));
        check((40, 64), (40, 64));
        check((40, 128), (20, 64));
    }

    #[test]
    fn the_same_picture_is_encoded_once_whoever_holds_it() {
        let cache = PictureCache::default();
        let first = ramp(32, 24);
        let uri = cache.data_uri(&first, &LIMITS).unwrap();
        assert_eq!(cache.data_uri(&first, &LIMITS).unwrap(), uri);
        assert_eq!(cache.data_uri(&ramp(32, 24), &LIMITS).unwrap(), uri);
        assert_eq!(cache.n_encoded(), 1);
        cache.data_uri(&ramp(24, 32), &LIMITS).unwrap();
        cache.data_uri(&first, &PictureLimits { quality: 50, ..LIMITS }).unwrap();
        assert_eq!(cache.n_encoded(), 3);
    }

    #[test]
    fn a_picture_at_the_address_of_a_dropped_one_is_not_taken_for_it() {
        let cache = PictureCache::default();
        let mut uris = Vec::new();
        for shade in 0..50 {
            uris.push(
                cache.data_uri(&Arc::new(RgbImage::from_pixel(16, 16, Rgb([shade * 5, 0, 0]))), &LIMITS).unwrap(),
            );
        }
        uris.sort();
        uris.dedup();
        assert_eq!(uris.len(), 50);
    }

    #[test]
    fn many_pictures_come_in_their_order() {
        let cache = PictureCache::default();
        let pictures: Vec<Arc<RgbImage>> =
            (0..9).map(|i| Arc::new(RgbImage::from_pixel(16, 16, Rgb([i * 25, 0, 0])))).collect();
        let borrowed: Vec<&Arc<RgbImage>> = pictures.iter().collect();
        let uris = cache.data_uris(&borrowed, &LIMITS).unwrap();
        let alone: Vec<Arc<str>> =
            pictures.iter().map(|picture| PictureCache::default().data_uri(picture, &LIMITS).unwrap()).collect();
        assert_eq!((uris, cache.n_encoded()), (alone, 9));
        cache.data_uris(&borrowed, &LIMITS).unwrap();
        assert_eq!(cache.n_encoded(), 9);
        let empty = Arc::new(RgbImage::new(0, 5));
        assert!(cache.data_uris(&[&pictures[0], &empty, &Arc::new(RgbImage::new(5, 0))], &LIMITS).is_err());
    }

    #[test]
    fn an_empty_picture_is_refused() {
        let error = PictureCache::default().data_uri(&Arc::new(RgbImage::new(0, 5)), &LIMITS).unwrap_err();
        assert_eq!(error.to_string(), "a picture of 0x5 px cannot be sent: it is empty");
    }
}
