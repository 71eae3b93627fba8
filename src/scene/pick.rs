//! Which of a camera's buffered images a question gets to see.

use super::{
    FrameId, InputProblem, SceneConfig, Stamp, TransformSet, When, camera_buffer::CameraBuffer,
    frame_buffer::BufferedImage, stream::clock_hint,
};
use crate::error_code::ErrorCode;

/// Largest distance between the time asked about and an image, seconds.
const AT_TOLERANCE_SECS: f64 = 0.5;

/// What picking looks at besides the camera.
pub(super) struct PickContext<'a> {
    pub config: &'a SceneConfig,
    pub transforms: &'a TransformSet,
    pub now: Stamp,
}

/// The images picked: the one that stands for the moment asked about, and older ones.
pub(super) struct Picked<'a> {
    pub main: &'a BufferedImage,
    /// Oldest first.
    pub history: Vec<&'a BufferedImage>,
}

/// Picks colour images, each a candidate for a view.
///
/// Of several candidates the one wins for which most of depth, labels and transforms are at hand, and of those the newest (for
/// [`When::At`]: the nearest). So a question does not fail because the depth of the very last image is still on its way.
/// The history is spread evenly over the window.
///
/// # Errors
/// `NO_IMAGE`, `STALE_IMAGE`, `BAD_INPUT`, `NOT_BUFFERED`.
pub(super) fn pick<'a>(
    camera: &'a CameraBuffer,
    when: When,
    ctx: &PickContext<'_>,
) -> Result<Picked<'a>, InputProblem> {
    let topic = &camera.config.image_topic;
    let refused = |problem| Err(camera.color.problem.clone().unwrap_or(problem));
    let (Some(newest), Some(oldest)) = (camera.color.buffer.newest(), camera.color.buffer.oldest()) else {
        let message = format!("no image was received on \"{topic}\" (camera \"{}\")", camera.name);
        return refused(InputProblem { code: ErrorCode::NoImage, message });
    };
    let window_secs = match when {
        When::At(asked) => {
            let near = camera.color.buffer.iter().filter(|image| asked.is_within(AT_TOLERANCE_SECS, image.stamp));
            let nearest = |image: &&BufferedImage| std::cmp::Reverse(image.stamp.nanos.abs_diff(asked.nanos));
            let main = near.max_by_key(|image| (n_at_hand(image, camera, ctx), nearest(image)));
            let not_buffered = || InputProblem {
                code: ErrorCode::NotBuffered,
                message: format!(
                    "no image on \"{topic}\" lies within {AT_TOLERANCE_SECS} s of {asked}; buffered are {} to {}",
                    oldest.stamp, newest.stamp
                ),
            };
            return Ok(Picked { main: main.ok_or_else(not_buffered)?, history: Vec::new() });
        }
        When::Now => ctx.config.window_secs,
        When::Last(secs) => secs,
    };
    let age_secs = ctx.now.secs_since(newest.stamp);
    let max_age_secs = ctx.config.max_image_age_secs;
    if age_secs > max_age_secs {
        let hint = clock_hint(age_secs);
        let message = format!(
            "newest image on \"{topic}\" is {age_secs:.3} s old (stamp {}, now {}), at most {max_age_secs} s are allowed{hint}",
            newest.stamp, ctx.now
        );
        return refused(InputProblem { code: ErrorCode::StaleImage, message });
    }
    let fresh = camera.color.buffer.iter().filter(|image| ctx.now.secs_since(image.stamp) <= max_age_secs);
    let main = fresh.max_by_key(|image| (n_at_hand(image, camera, ctx), image.stamp)).unwrap_or(newest);
    Ok(Picked { main, history: history(main, window_secs, camera, ctx) })
}

/// Whether the transforms of the images that a question at `asked_at` is about have arrived.
pub(super) fn is_posed(image: &BufferedImage, ctx: &PickContext<'_>) -> bool {
    is_known(&image.frame, image.stamp, ctx)
}

fn is_known(frame: &FrameId, stamp: Stamp, ctx: &PickContext<'_>) -> bool {
    ctx.transforms.is_known_at(&ctx.config.fixed_frame, frame, stamp)
}

/// How many of depth, labels and transforms an image has.
fn n_at_hand(image: &BufferedImage, camera: &CameraBuffer, ctx: &PickContext<'_>) -> usize {
    let slop_secs = camera.config.sync_slop_secs;
    let has_partner = [&camera.depth, &camera.labels].map(|stream| {
        stream.buffer.nearest(image.stamp).is_some_and(|near| near.stamp.is_within(slop_secs, image.stamp))
    });
    usize::from(is_posed(image, ctx)) + has_partner.into_iter().filter(|has| *has).count()
}

fn history<'a>(
    main: &BufferedImage,
    window_secs: f64,
    camera: &'a CameraBuffer,
    ctx: &PickContext<'_>,
) -> Vec<&'a BufferedImage> {
    let n_slots = ctx.config.max_window_views.saturating_sub(1);
    let spacing_secs = window_secs / n_slots.max(1) as f64;
    let mut picked: Vec<&BufferedImage> = Vec::new();
    for slot in (1..=n_slots).rev() {
        let wanted = main.stamp.plus_secs(-spacing_secs * slot as f64);
        let near = camera.color.buffer.iter().filter(|image| {
            image.stamp < main.stamp
                && wanted.is_within(spacing_secs / 2.0, image.stamp)
                && main.stamp.is_within(window_secs, image.stamp)
                && picked.last().is_none_or(|last| last.stamp < image.stamp)
        });
        let nearest = |image: &&BufferedImage| std::cmp::Reverse(image.stamp.nanos.abs_diff(wanted.nanos));
        picked.extend(near.max_by_key(|image| (n_at_hand(image, camera, ctx), nearest(image))));
    }
    picked
}
