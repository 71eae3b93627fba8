//! Log lines on the console and on `/rosout`, from the severity that `--log-level` names.

use std::{backtrace::Backtrace, panic};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::rosout::{RosoutLines, rosout};

/// Starts logging, of defects as well; the lines are what `/rosout` has to publish.
pub fn start() -> RosoutLines {
    let (layer, lines) = rosout();
    let filter = || Targets::new().with_default(LevelFilter::WARN).with_target("spatialclaw", level(std::env::args()));
    let console = fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(filter());
    // A second start in one process keeps the first one's loggers.
    let _ = tracing_subscriber::registry().with(console).with(layer.with_filter(filter())).try_init();
    panic::set_hook(Box::new(|defect| {
        let backtrace = Backtrace::capture();
        tracing::error!(%backtrace, "{defect}");
    }));
    lines
}

/// The level of `--log-level LEVEL` or `--log-level NAME:=LEVEL`, which rcl reads for its own loggers only.
fn level(args: impl IntoIterator<Item = String>) -> LevelFilter {
    let mut args = args.into_iter().skip_while(|arg| arg != "--ros-args");
    let mut level = LevelFilter::INFO;
    while let Some(arg) = args.next() {
        if arg != "--log-level" {
            continue;
        }
        let value = args.next().unwrap_or_default();
        let name = value.rsplit(":=").next().unwrap_or_default().to_ascii_lowercase();
        level = match name.as_str() {
            "debug" => LevelFilter::DEBUG,
            "warn" => LevelFilter::WARN,
            "error" | "fatal" => LevelFilter::ERROR,
            _ => LevelFilter::INFO,
        };
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_read_from_the_ros_arguments() {
        let check = |line: &str, expected: LevelFilter| {
            assert_eq!(level(line.split_whitespace().map(str::to_owned)), expected, "{line}");
        };
        check("node", LevelFilter::INFO);
        check("node --ros-args --log-level debug", LevelFilter::DEBUG);
        check("node --ros-args -r a:=b --log-level spatialclaw:=WARN", LevelFilter::WARN);
        check("node --ros-args --log-level fatal", LevelFilter::ERROR);
        check("node --log-level debug", LevelFilter::INFO);
        check("node --ros-args --log-level", LevelFilter::INFO);
    }
}
