//! Log lines for `/rosout`, which r2r does not publish by itself on Jazzy.
//!
//! [`RosoutLayer`] never blocks the code that logs: a line that finds the queue full is counted and left out.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use r2r::{Publisher, QosProfile, builtin_interfaces::msg::Time, rcl_interfaces::msg::Log};
use tokio::sync::mpsc;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::convert::text::clean;

/// Lines that may wait to be published.
const QUEUE: usize = 1000;

/// What a late listener gets, as rclcpp's `/rosout` has it.
pub fn qos() -> QosProfile {
    QosProfile::default().keep_last(1000).reliable().transient_local()
}

/// Hands log lines to the task that publishes them.
pub struct RosoutLayer {
    lines: mpsc::Sender<Log>,
    n_dropped: Arc<AtomicU64>,
}

/// The other end of [`RosoutLayer`].
pub struct RosoutLines {
    lines: mpsc::Receiver<Log>,
    n_dropped: Arc<AtomicU64>,
}

/// A layer, and the lines that it hears.
pub fn rosout() -> (RosoutLayer, RosoutLines) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let n_dropped = Arc::new(AtomicU64::new(0));
    (RosoutLayer { lines: sender, n_dropped: n_dropped.clone() }, RosoutLines { lines: receiver, n_dropped })
}

impl RosoutLines {
    /// Publishes lines under the node's name until the layer is gone.
    pub async fn publish(mut self, node_name: String, publisher: Publisher<Log>) {
        while let Some(mut line) = self.lines.recv().await {
            line.name.clone_from(&node_name);
            let n_dropped = self.n_dropped.swap(0, Ordering::Relaxed);
            if n_dropped > 0 {
                let _ = write!(line.msg, " ({n_dropped} earlier lines are missing on /rosout)");
            }
            // A line about a line that could not be published would not be published either.
            let _ = publisher.publish(&line);
        }
    }
}

impl<S: Subscriber> Layer<S> for RosoutLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let line = Log {
            stamp: system_time(),
            level: severity(*metadata.level()),
            name: String::new(),
            msg: text(event),
            file: clean(metadata.file().unwrap_or_default()),
            function: clean(metadata.target()),
            line: metadata.line().unwrap_or_default(),
        };
        if self.lines.try_send(line).is_err() {
            self.n_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Log lines are stamped with the system's time, as in rclcpp, whatever the node's clock says.
fn system_time() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time { sec: i32::try_from(since.as_secs()).unwrap_or(i32::MAX), nanosec: since.subsec_nanos() }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => Log::ERROR as u8,
        Level::WARN => Log::WARN as u8,
        Level::INFO => Log::INFO as u8,
        Level::DEBUG | Level::TRACE => Log::DEBUG as u8,
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

fn text(event: &Event<'_>) -> String {
    let mut text = Text::default();
    event.record(&mut text);
    clean(&format!("{}{}", text.message, text.fields))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_line_has_severity_message_and_fields() {
        let (layer, mut lines) = rosout();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(camera = "front", age_millis = 1200, "depth is \0 stale");
        });
        let line = lines.lines.try_recv().unwrap();
        assert_eq!(line.level, Log::WARN as u8);
        assert_eq!(line.msg, "depth is \u{fffd} stale camera=\"front\" age_millis=1200");
        assert!(line.file.ends_with("rosout.rs") && line.line > 0 && line.stamp.sec > 0);
    }

    #[test]
    fn a_full_queue_drops_lines_without_blocking() {
        let (layer, lines) = rosout();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..QUEUE + 7 {
                tracing::info!("x");
            }
        });
        assert_eq!(lines.n_dropped.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn severities_are_those_of_the_log_message() {
        let found = [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR].map(severity);
        assert_eq!(found, [10, 20, 30, 40]);
    }
}
