//! What the robot sees and where it is, from topics into the scene buffer.
//!
//! r2r hands out each subscription as a queue of 10 that drops the *newest* message when it is full, so every subscription has a
//! task that does nothing but move messages on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt, future::BoxFuture};
use r2r::{
    Node, QosProfile,
    sensor_msgs::msg::{CameraInfo, CompressedImage, Image},
    spatialclaw::msg::LabelNames as LabelNamesMsg,
    tf2_msgs::msg::TFMessage,
};

use super::{
    convert::{
        camera_info::camera_info,
        image::{compressed_image, raw_image},
        label_names::label_names,
        transforms::transforms,
    },
    throttle::Throttle,
};
use crate::{
    app::App,
    config::{CameraParameters, Delivery, Transport},
    error_code::ErrorCode,
    scene::{
        InputProblem,
        raw_message::{ImageMessage, MessageHeader},
    },
};

/// A problem of one topic is logged once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(5);

type Task = BoxFuture<'static, ()>;
type Push = fn(&App, &str, MessageHeader, ImageMessage) -> Result<(), InputProblem>;

/// Subscribes to every camera and to the transforms; the futures move messages on and never end by themselves.
///
/// # Errors
/// When a subscription cannot be created.
pub fn subscribe(node: &mut Node, app: &Arc<App>) -> r2r::Result<Vec<Task>> {
    let problems = Arc::new(Problems::default());
    let mut inputs = Inputs { node, app: app.clone(), problems, tasks: Vec::new() };
    for camera in &app.config().cameras {
        inputs.camera(camera)?;
    }
    inputs.transforms("/tf", QosProfile::default().keep_last(100).reliable().volatile(), false)?;
    inputs.transforms("/tf_static", QosProfile::default().keep_last(100).reliable().transient_local(), true)?;
    Ok(inputs.tasks)
}

struct Inputs<'a> {
    node: &'a mut Node,
    app: Arc<App>,
    problems: Arc<Problems>,
    tasks: Vec<Task>,
}

impl Inputs<'_> {
    fn camera(&mut self, camera: &CameraParameters) -> r2r::Result<()> {
        let topic = camera.image_transport.topic(&camera.image_topic);
        self.images(camera, camera.image_transport, topic, App::push_color)?;
        if !camera.depth_topic.is_empty() {
            let topic = camera.depth_transport.topic(&camera.depth_topic);
            self.images(camera, camera.depth_transport, topic, App::push_depth)?;
        }
        if !camera.labels_topic.is_empty() {
            self.images(camera, Transport::Raw, camera.labels_topic.clone(), App::push_labels)?;
        }
        let (app, name) = (self.app.clone(), camera.name.clone());
        self.each::<CameraInfo>(camera.camera_info_topic.clone(), image_qos(camera), move |message| {
            camera_info(message).and_then(|(header, info)| app.push_camera_info(&name, header, info))
        })?;
        if camera.fixed_label_names.is_none() && !camera.label_names_topic.is_empty() {
            let (app, name) = (self.app.clone(), camera.name.clone());
            let latched = QosProfile::default().keep_last(1).reliable().transient_local();
            self.each::<LabelNamesMsg>(camera.label_names_topic.clone(), latched, move |message| {
                label_names(message).and_then(|names| app.set_label_names(&name, names))
            })?;
        }
        Ok(())
    }

    fn images(
        &mut self,
        camera: &CameraParameters,
        transport: Transport,
        topic: String,
        push: Push,
    ) -> r2r::Result<()> {
        let (app, name, qos) = (self.app.clone(), camera.name.clone(), image_qos(camera));
        match transport {
            Transport::Raw => self.each::<Image>(topic, qos, move |message| {
                let (header, image) = raw_image(message);
                push(&app, &name, header, image)
            }),
            Transport::Compressed | Transport::CompressedDepth => {
                self.each::<CompressedImage>(topic, qos, move |message| {
                    let (header, image) = compressed_image(message);
                    push(&app, &name, header, image)
                })
            }
        }
    }

    fn transforms(&mut self, topic: &'static str, qos: QosProfile, is_static: bool) -> r2r::Result<()> {
        let stream = self.node.subscribe::<TFMessage>(topic, qos)?;
        let (app, problems) = (self.app.clone(), self.problems.clone());
        self.tasks.push(Box::pin(drain(stream, move |message| {
            for problem in app.push_transforms(&transforms(message), is_static) {
                problems.report(topic, &problem);
            }
        })));
        Ok(())
    }

    /// Hands every message of a topic to `take`.
    fn each<T>(
        &mut self,
        topic: String,
        qos: QosProfile,
        take: impl Fn(T) -> Result<(), InputProblem> + Send + 'static,
    ) -> r2r::Result<()>
    where
        T: r2r::WrappedTypesupport + Send + 'static,
    {
        let stream = self.node.subscribe::<T>(&topic, qos)?;
        let problems = self.problems.clone();
        self.tasks.push(Box::pin(drain(stream, move |message| {
            if let Err(problem) = take(message) {
                problems.report(&topic, &problem);
            }
        })));
        Ok(())
    }
}

fn image_qos(camera: &CameraParameters) -> QosProfile {
    match camera.delivery {
        Delivery::SensorData => QosProfile::sensor_data().keep_last(5),
        Delivery::Reliable => QosProfile::default().keep_last(5).reliable(),
    }
}

async fn drain<T>(mut stream: impl Stream<Item = T> + Unpin, mut take: impl FnMut(T)) {
    while let Some(message) = stream.next().await {
        take(message);
    }
}

/// Logs problems of topics, each now and then only.
struct Problems(Mutex<Throttle<(String, ErrorCode)>>);

impl Default for Problems {
    fn default() -> Self {
        Problems(Mutex::new(Throttle::new(LOG_PERIOD)))
    }
}

impl Problems {
    fn report(&self, topic: &str, problem: &InputProblem) {
        let mut throttle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n_held_back) = throttle.pass((topic.to_owned(), problem.code), Instant::now()) {
            tracing::warn!(topic, code = problem.code.name(), n_held_back, "{problem}");
        }
    }
}
