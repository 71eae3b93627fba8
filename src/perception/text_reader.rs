//! Port: who reads what is written in an image.

use crate::{geometry::PixelBox, perception::PerceptionError, scene::View};

/// One line of writing.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLine {
    /// As read.
    pub text: String,
    /// Where it stands, pixels of the view's image.
    pub at: PixelBox,
    /// Confidence, 0..=1.
    pub score: f32,
}

/// Reads writing.
///
/// ```
/// use spatialclaw::{
///     geometry::PixelBox,
///     perception::{PerceptionError, TextLine, TextReader},
///     scene::View,
/// };
///
/// /// A sign that always says the same.
/// struct Sign;
///
/// impl TextReader for Sign {
///     fn name(&self) -> &str {
///         "sign"
///     }
///
///     fn read(&self, _: &View) -> Result<Vec<TextLine>, PerceptionError> {
///         let at = PixelBox { u_min_px: 1, v_min_px: 2, u_max_px: 30, v_max_px: 9 };
///         Ok(vec![TextLine { text: "EXIT".to_owned(), at, score: 0.9 }])
///     }
/// }
/// assert_eq!(Sign.name(), "sign");
/// ```
pub trait TextReader: Send + Sync {
    /// Short name for evidence and logs.
    fn name(&self) -> &str;

    /// Every line, top to bottom. Empty: looked, and nothing is written there.
    ///
    /// # Errors
    /// [`PerceptionError`] when it could not look.
    fn read(&self, view: &View) -> Result<Vec<TextLine>, PerceptionError>;
}
