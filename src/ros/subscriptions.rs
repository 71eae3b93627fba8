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
    qos::{DurabilityPolicy, ReliabilityPolicy},
    sensor_msgs::msg::{CameraInfo, CompressedImage, Image, Imu},
    spatialclaw::msg::LabelNames as LabelNamesMsg,
    tf2_msgs::msg::TFMessage,
};

use super::{
    convert::{
        camera_info::camera_info,
        image::{compressed_image, raw_image},
        imu::imu_sample,
        label_names::label_names,
        transforms::transforms,
    },
    publishers::WatchedTopic,
    throttle::Throttle,
    topic_names::TopicNames,
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

/// Subscribes to every camera and to the transforms.
///
/// # Errors
/// When a subscription cannot be created.
pub fn subscribe(node: &mut Node, app: &Arc<App>, names: &TopicNames) -> r2r::Result<Subscribed> {
    let problems = Arc::new(Problems::default());
    let mut inputs = Inputs { node, names, app: app.clone(), problems, subscribed: Subscribed::default() };
    for camera in &app.config().cameras {
        inputs.camera(camera)?;
    }
    inputs.imu(&app.config().imu_topic)?;
    inputs.transforms("/tf", QosProfile::default().keep_last(100).reliable().volatile(), false)?;
    inputs.transforms("/tf_static", QosProfile::default().keep_last(100).reliable().transient_local(), true)?;
    Ok(inputs.subscribed)
}

/// What listens, and to what.
#[derive(Default)]
pub struct Subscribed {
    /// Move messages on; never end by themselves.
    pub tasks: Vec<Task>,
    /// Topics listened to.
    pub watched: Vec<WatchedTopic>,
}

struct Inputs<'a> {
    node: &'a mut Node,
    names: &'a TopicNames,
    app: Arc<App>,
    problems: Arc<Problems>,
    subscribed: Subscribed,
}

impl Inputs<'_> {
    fn camera(&mut self, camera: &CameraParameters) -> r2r::Result<()> {
        self.images(camera, camera.image_transport, &camera.image_topic, App::push_color)?;
        if !camera.depth_topic.is_empty() {
            self.images(camera, camera.depth_transport, &camera.depth_topic, App::push_depth)?;
        }
        if !camera.labels_topic.is_empty() {
            self.images(camera, Transport::Raw, &camera.labels_topic, App::push_labels)?;
        }
        let (app, name) = (self.app.clone(), camera.name.clone());
        self.each::<CameraInfo>(camera.camera_info_topic.clone(), image_qos(camera), move |message| {
            camera_info(message).and_then(|(header, info)| app.push_camera_info(&name, header, info))
        })?;
        if camera.fixed_label_names.is_none() && !camera.label_names_topic.is_empty() {
            let (app, name) = (self.app.clone(), camera.name.clone());
            let latched = QosProfile::default().keep_last(1).reliable().transient_local();
            self.each::<LabelNamesMsg>(camera.label_names_topic.clone(), latched, move |message| {
                app.set_label_names(&name, label_names(message))
            })?;
        }
        Ok(())
    }

    fn imu(&mut self, topic: &str) -> r2r::Result<()> {
        if topic.is_empty() {
            return Ok(());
        }
        let app = self.app.clone();
        let qos = QosProfile::sensor_data().keep_last(50);
        self.each::<Imu>(topic.to_owned(), qos, move |message| app.push_imu(imu_sample(&message)))
    }

    fn images(&mut self, camera: &CameraParameters, transport: Transport, base: &str, push: Push) -> r2r::Result<()> {
        let (app, name, qos) = (self.app.clone(), camera.name.clone(), image_qos(camera));
        let topic = match transport {
            Transport::Raw => base.to_owned(),
            // Remapping is meant for the base topic, as with image_transport; rcl would look for the whole name.
            Transport::Compressed | Transport::CompressedDepth => transport.topic(&self.names.resolve(base)),
        };
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
        self.watch::<TFMessage>(topic, &qos);
        let stream = self.node.subscribe::<TFMessage>(topic, qos)?;
        let (app, problems) = (self.app.clone(), self.problems.clone());
        self.subscribed.tasks.push(Box::pin(drain(stream, move |message| {
            for problem in app.push_transforms(&transforms(message), is_static) {
                problems.report(topic, &problem);
            }
        })));
        Ok(())
    }

    fn watch<T: TypeName>(&mut self, topic: &str, qos: &QosProfile) {
        self.subscribed.watched.push(WatchedTopic {
            name: self.names.resolve(topic),
            type_name: T::NAME,
            needs_reliable: qos.reliability == ReliabilityPolicy::Reliable,
            needs_latched: qos.durability == DurabilityPolicy::TransientLocal,
        });
    }

    /// Hands every message of a topic to `take`.
    fn each<T>(
        &mut self,
        topic: String,
        qos: QosProfile,
        take: impl Fn(T) -> Result<(), InputProblem> + Send + 'static,
    ) -> r2r::Result<()>
    where
        T: TypeName + r2r::WrappedTypesupport + Send + 'static,
    {
        self.watch::<T>(&topic, &qos);
        let stream = self.node.subscribe::<T>(&topic, qos)?;
        let problems = self.problems.clone();
        let topic = self.names.resolve(&topic);
        self.subscribed.tasks.push(Box::pin(drain(stream, move |message| {
            if let Err(problem) = take(message) {
                problems.report(&topic, &problem);
            }
        })));
        Ok(())
    }
}

/// A message type's name in the ROS graph.
trait TypeName {
    const NAME: &'static str;
}

impl TypeName for Image {
    const NAME: &'static str = "sensor_msgs/msg/Image";
}

impl TypeName for CompressedImage {
    const NAME: &'static str = "sensor_msgs/msg/CompressedImage";
}

impl TypeName for Imu {
    const NAME: &'static str = "sensor_msgs/msg/Imu";
}

impl TypeName for CameraInfo {
    const NAME: &'static str = "sensor_msgs/msg/CameraInfo";
}

impl TypeName for LabelNamesMsg {
    const NAME: &'static str = "spatialclaw/msg/LabelNames";
}

impl TypeName for TFMessage {
    const NAME: &'static str = "tf2_msgs/msg/TFMessage";
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
