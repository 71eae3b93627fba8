//! `/diagnostics` and the input doctor `~/check_inputs`: the same findings, once a second and on request.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use r2r::{
    Node, Publisher, QosProfile,
    diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus},
    spatialclaw::srv::CheckInputs,
    std_msgs::msg::Header,
};

use super::{
    action_server::ActionServer,
    convert::{
        health::{Level, camera_status, imu_status, recorder_status, status, transforms_status},
        time::time_msg,
    },
    parameters::serve,
    publishers::PublisherBoard,
};
use crate::app::App;

const PERIOD: Duration = Duration::from_secs(1);

/// Looks at everything.
pub struct Doctor {
    /// Prefix of every status.
    pub node_name: String,
    /// Topic of the IMU as it is listened to; empty = none.
    pub imu_topic: String,
    /// What is looked at.
    pub app: Arc<App>,
    /// Who publishes.
    pub publishers: PublisherBoard,
    /// Whose goals are counted.
    pub server: Arc<ActionServer>,
}

/// Creates publisher and service; the futures serve them and never end by themselves.
///
/// # Errors
/// When one cannot be created.
pub fn create(node: &mut Node, doctor: Doctor) -> r2r::Result<Vec<BoxFuture<'static, ()>>> {
    let publisher = node.create_publisher("/diagnostics", QosProfile::default())?;
    let requests = node.create_service::<CheckInputs::Service>("~/check_inputs", QosProfile::services_default())?;
    let doctor = Arc::new(doctor);
    let checking = doctor.clone();
    Ok(vec![
        Box::pin(doctor.publish(publisher)),
        Box::pin(serve(requests, move |_: &CheckInputs::Request| {
            let findings = checking.findings();
            CheckInputs::Response { ok: findings.iter().all(|found| found.level == Level::Ok as u8), findings }
        })),
    ])
}

impl Doctor {
    async fn publish(self: Arc<Self>, publisher: Publisher<DiagnosticArray>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let header = Header { stamp: time_msg(self.app.now()), frame_id: String::new() };
            let mut found = self.findings();
            found.push(self.questions());
            found.push(recorder_status(&self.node_name, &self.app.recorder_health()));
            if let Err(error) = publisher.publish(&DiagnosticArray { header, status: found }) {
                tracing::warn!(%error, "diagnostics could not be published");
            }
        }
    }

    /// One status for each camera, one for the IMU where one is configured, and one for the transforms.
    fn findings(&self) -> Vec<DiagnosticStatus> {
        let (health, imu, transforms) = {
            let now = self.app.now();
            let mut scene = self.app.scene();
            // A jump back in time is noticed here even when no image comes any more.
            scene.observe_now(now);
            (scene.health(now), scene.imu_health(now), scene.transforms())
        };
        let unheard = |topic: &str| self.publishers.reason(topic);
        let mut found: Vec<_> = health.iter().map(|camera| camera_status(&self.node_name, camera, unheard)).collect();
        let topic = &self.imu_topic;
        if !topic.is_empty() {
            found.push(imu_status(&self.node_name, topic, &imu, self.publishers.reason(topic)));
        }
        found.push(transforms_status(&self.node_name, self.app.config(), &transforms.frames()));
        found
    }

    fn questions(&self) -> DiagnosticStatus {
        let counts = self.server.counts();
        let values = vec![
            ("running".to_owned(), counts.n_running.to_string()),
            ("waiting".to_owned(), counts.n_waiting.to_string()),
            ("answered".to_owned(), counts.n_answered.to_string()),
            ("refused".to_owned(), counts.n_refused.to_string()),
            ("rejected".to_owned(), counts.n_rejected.to_string()),
        ];
        status(Level::Ok, format!("{}: questions", self.node_name), "ok", values)
    }
}
