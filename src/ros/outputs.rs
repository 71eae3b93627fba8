//! Answers on topics: the latched answer, markers, and the picture with the evidence drawn in.

use std::time::Duration;

use r2r::{
    Node, Publisher, QosProfile,
    sensor_msgs::msg::Image,
    spatialclaw::{action::AskSpatial::Result as ResultMsg, msg::SpatialAnswer},
    visualization_msgs::msg::MarkerArray,
};
use tokio::sync::mpsc;

use super::{
    convert::{
        answer::{About, answer_msg},
        image::image_msg,
    },
    markers::MarkerPainter,
};
use crate::{
    agent::Outcome,
    answer::{Evidence, picture::evidence_picture},
    config::Config,
    scene::{Snapshot, View},
};

/// The end of a goal, or a goal that was rejected.
#[derive(Debug)]
pub struct Ended {
    /// The goal.
    pub about: About,
    /// How it ended.
    pub outcome: Outcome,
    /// What its client is told.
    pub result: ResultMsg,
    /// It never ran: markers and picture of the last answer stay.
    pub rejected: bool,
}

/// Publishes what ended goals are to be seen by others.
pub struct Outputs {
    answer: Publisher<SpatialAnswer>,
    markers: Publisher<MarkerArray>,
    picture: Option<Publisher<Image>>,
    painter: MarkerPainter,
    markers_lifetime: Duration,
}

impl Outputs {
    /// Creates the publishers.
    ///
    /// # Errors
    /// When one cannot be created.
    pub fn create(node: &mut Node, config: &Config) -> r2r::Result<Outputs> {
        let latched = || QosProfile::default().keep_last(1).reliable().transient_local();
        let picture = match config.debug_image {
            true => Some(node.create_publisher("~/debug/image", latched())?),
            false => None,
        };
        Ok(Outputs {
            answer: node.create_publisher("~/answer", latched())?,
            markers: node.create_publisher("~/markers", latched())?,
            picture,
            painter: MarkerPainter::default(),
            markers_lifetime: config.markers_lifetime,
        })
    }

    /// Publishes until the sender is gone.
    pub async fn run(mut self, mut ended: mpsc::Receiver<Ended>) {
        while let Some(Ended { about, outcome, result, rejected }) = ended.recv().await {
            warn_on_error("answer", self.answer.publish(&answer_msg(&about, &outcome, result)));
            if rejected {
                continue;
            }
            let evidence = outcome.result.as_ref().map_or(&[][..], |answer| &answer.evidence);
            let markers = self.painter.paint(&about.id, evidence, self.markers_lifetime);
            warn_on_error("markers", self.markers.publish(&markers));
            if self.picture.is_none() || outcome.snapshot.is_none() {
                continue;
            }
            // Drawing takes milliseconds: it must not hold up the tasks that drain images.
            let drawn = tokio::task::spawn_blocking(move || picture(&about, &outcome)).await;
            match (drawn, &self.picture) {
                (Ok(Some(image)), Some(publisher)) => warn_on_error("debug image", publisher.publish(&image)),
                (Ok(_), _) => {}
                (Err(error), _) => tracing::error!(%error, "the debug image could not be drawn"),
            }
        }
    }
}

fn warn_on_error(what: &'static str, published: r2r::Result<()>) {
    if let Err(error) = published {
        tracing::warn!(what, %error, "could not be published");
    }
}

fn picture(about: &About, outcome: &Outcome) -> Option<Image> {
    let snapshot = outcome.snapshot.as_ref()?;
    let (evidence, said) = match &outcome.result {
        Ok(answer) => (answer.evidence.as_slice(), answer.text.clone()),
        Err(refusal) => (&[][..], format!("{}: {}", refusal.code, refusal.message)),
    };
    let view = newest_used(snapshot, evidence)?;
    let drawn = evidence_picture(snapshot, view, evidence, &format!("{} -> {said}", about.question));
    Some(image_msg(drawn, view.stamp, &view.optical_frame))
}

/// The newest view that evidence was measured in; the newest of all where there is none.
fn newest_used<'a>(snapshot: &'a Snapshot, evidence: &[Evidence]) -> Option<&'a View> {
    let used = evidence.iter().filter_map(|item| snapshot.views.get(item.view_idx)).max_by_key(|view| view.stamp);
    used.or_else(|| snapshot.views.last())
}
