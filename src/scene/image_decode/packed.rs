//! JPEG and PNG files, read only after their size is known to be allowed.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::{ImageError, ImageSize};
use crate::scene::raw_message::CompressedImage;

/// A file within a message: the format as the message says it, and the file's own bytes.
pub struct PackedFile<'a> {
    pub format: &'a str,
    pub bytes: &'a [u8],
    /// File types that serve the purpose.
    pub allowed: &'static [ImageFormat],
}

impl<'a> PackedFile<'a> {
    pub fn new(message: &'a CompressedImage, allowed: &'static [ImageFormat]) -> Self {
        PackedFile { format: &message.format, bytes: &message.bytes, allowed }
    }

    /// Size by the file's header.
    pub fn size(&self, max_pixels: u64) -> Result<ImageSize, ImageError> {
        let (width_px, height_px) = self.reader()?.into_dimensions().map_err(|error| self.error(error.to_string()))?;
        ImageSize { width_px, height_px }.checked(max_pixels)
    }

    pub fn decoded(&self, max_pixels: u64) -> Result<DynamicImage, ImageError> {
        let size = self.size(max_pixels)?;
        let mut reader = self.reader()?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(size.width_px);
        limits.max_image_height = Some(size.height_px);
        limits.max_alloc = Some(size.n_pixels().saturating_mul(16).saturating_add(1 << 20));
        reader.limits(limits);
        reader.decode().map_err(|error| self.error(error.to_string()))
    }

    pub fn error(&self, reason: String) -> ImageError {
        ImageError::Compressed { format: self.format.to_owned(), reason }
    }

    /// The bytes say what the file is; the format's text differs between publishers.
    fn reader(&self) -> Result<ImageReader<Cursor<&'a [u8]>>, ImageError> {
        let found = image::guess_format(self.bytes)
            .map_err(|_| self.error(format!("its {} bytes are no {}", self.bytes.len(), self.allowed_text())))?;
        if !self.allowed.contains(&found) {
            return Err(self.error(format!(
                "it is a {} file, supported are {}",
                format_text(found),
                self.allowed_text()
            )));
        }
        Ok(ImageReader::with_format(Cursor::new(self.bytes), found))
    }

    fn allowed_text(&self) -> String {
        self.allowed.iter().map(|format| format_text(*format)).collect::<Vec<_>>().join(", ")
    }
}

fn format_text(format: ImageFormat) -> &'static str {
    format.extensions_str().first().copied().unwrap_or("unknown")
}
