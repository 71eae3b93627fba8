//! Any bytes give an image of the size they claim, or an error.

use image::ImageFormat;
use proptest::prelude::*;

use super::*;
use crate::scene::raw_message::{CompressedImage, ImageMessage, RawImage};

const MAX_PIXELS: u64 = 64 * 64;

fn encoding() -> impl Strategy<Value = String> {
    let known = [
        "rgb8",
        "bgr8",
        "rgba8",
        "bgra8",
        "mono8",
        "mono16",
        "8UC1",
        "8UC3",
        "8UC4",
        "yuv422",
        "yuv422_yuy2",
        "bayer_rggb8",
        "bayer_bggr8",
        "bayer_gbrg8",
        "bayer_grbg8",
        "16UC1",
        "16SC1",
        "32FC1",
        "32SC1",
        "64FC1",
    ];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

fn side() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0u32..9, 1 => prop::sample::select(&[64u32, 65, 65_536, u32::MAX - 1, u32::MAX][..]), 1 => any::<u32>()]
}

fn raw() -> impl Strategy<Value = ImageMessage> {
    let step = prop_oneof![4 => 0u32..40, 1 => any::<u32>()];
    (side(), side(), encoding(), any::<bool>(), step, prop::collection::vec(any::<u8>(), 0..400)).prop_map(
        |(width_px, height_px, encoding, is_bigendian, step, bytes)| {
            RawImage { width_px, height_px, encoding, is_bigendian, step, bytes }.into()
        },
    )
}

fn format() -> impl Strategy<Value = String> {
    let known = [
        "jpeg",
        "png",
        "rgb8; jpeg compressed bgr8",
        "bayer_rggb8; png compressed ",
        "16UC1; compressedDepth png",
        "32FC1; compressedDepth",
        "32FC1; compressedDepth png",
        "compressedDepth",
        "8UC1; compressedDepth rvl",
    ];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

/// Real files, cut short and with bytes changed, and noise.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let encoded = |image: DynamicImage, format: ImageFormat| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    use image::DynamicImage;
    let files = vec![
        encoded(DynamicImage::new_rgb8(9, 7), ImageFormat::Png),
        encoded(DynamicImage::new_luma8(9, 7), ImageFormat::Png),
        encoded(DynamicImage::new_luma16(9, 7), ImageFormat::Png),
        encoded(DynamicImage::new_rgb8(9, 7), ImageFormat::Jpeg),
        encoded(DynamicImage::new_luma8(9, 7), ImageFormat::Jpeg),
        encoded(DynamicImage::new_luma8(65, 64), ImageFormat::Png),
    ];
    let damaged = (
        prop::sample::select(files),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        0usize..3,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut file, changes, cut, length)| {
            for (place, byte) in changes {
                let place = place.index(file.len());
                file[place] = byte;
            }
            if cut == 0 {
                file.truncate(length.index(file.len()));
            }
            file
        });
    prop_oneof![6 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn compressed() -> impl Strategy<Value = ImageMessage> {
    (format(), prop_oneof![Just(vec![]), Just(vec![0; 12]), prop::collection::vec(any::<u8>(), 12..13)], file())
        .prop_map(|(format, header, file)| CompressedImage { format, bytes: [header, file].concat() }.into())
}

fn check(message: &ImageMessage) -> Result<(), TestCaseError> {
    if let Ok(image) = decode_color(message, MAX_PIXELS) {
        let size = ImageSize { width_px: image.width(), height_px: image.height() };
        prop_assert_eq!(check_color(message, MAX_PIXELS), Ok(size));
        prop_assert!(size.n_pixels() <= MAX_PIXELS);
    }
    if let Ok(depth) = decode_depth(message, MAX_PIXELS) {
        let size = ImageSize { width_px: depth.width_px(), height_px: depth.height_px() };
        prop_assert_eq!(check_depth(message, MAX_PIXELS), Ok(size));
        prop_assert!(depth.depth_m().iter().all(|depth| depth.is_nan() || (depth.is_finite() && *depth > 0.0)));
    }
    if let Ok(labels) = decode_label_ids(message, MAX_PIXELS) {
        prop_assert_eq!(check_label_ids(message, MAX_PIXELS), Ok(labels.size));
        prop_assert_eq!(labels.ids.len() as u64, labels.size.n_pixels());
    }
    // An uncompressed image that passes the cheap check is decoded.
    if matches!(message, ImageMessage::Raw(_)) {
        prop_assert_eq!(check_color(message, MAX_PIXELS).is_ok(), decode_color(message, MAX_PIXELS).is_ok());
        prop_assert_eq!(check_depth(message, MAX_PIXELS).is_ok(), decode_depth(message, MAX_PIXELS).is_ok());
        prop_assert_eq!(check_label_ids(message, MAX_PIXELS).is_ok(), decode_label_ids(message, MAX_PIXELS).is_ok());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_uncompressed_bytes_panic(message in raw()) {
        check(&message)?;
    }

    #[test]
    fn no_compressed_bytes_panic(message in compressed()) {
        check(&message)?;
    }
}

/// A PNG header that claims 4 Gpx must be refused before anything of that size exists.
#[test]
fn a_huge_claim_is_refused_by_the_header() {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(2, 2).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    let message = CompressedImage { format: "png".to_owned(), bytes }.into();
    let expected = "image size is 65536x65536 px, at most 67108864 pixels are allowed";
    assert_eq!(decode_color(&message, DEFAULT_MAX_PIXELS).unwrap_err().to_string(), expected);
}

/// ISO 3309, as PNG uses it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
