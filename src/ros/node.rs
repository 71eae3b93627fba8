//! The node: creates everything, spins until a signal, and ends everything.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use r2r::{Clock, Context, Node};
use thiserror::Error;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::{
    action_server::ActionServer,
    diagnostics::{self, Doctor},
    logging,
    outputs::Outputs,
    parameters,
    publishers::{PublisherBoard, WatchedTopic},
    rosout::{self, RosoutLines},
    subscriptions,
    topic_names::TopicNames,
};
use crate::{
    app::{App, ModelsError, RosClock},
    config::{Config, ConfigError},
    scene::Stamp,
};

/// The node's name where a launch file gives none.
const NODE_NAME: &str = "spatialclaw";
/// How long the spinning thread waits for messages before it looks whether it is to end; messages wake it at once.
const SPIN_TIMEOUT: Duration = Duration::from_millis(50);
/// How often the graph is looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(2);
/// How long goals may take to end when the node does.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);
/// Time for the last results to leave, and for late requests to be answered, before the node is gone.
const LINGER: Duration = Duration::from_millis(300);
/// Ended goals that may wait to be published.
const ENDED_QUEUE: usize = 16;

/// Why the node did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The command line holds ROS arguments that cannot be read.
    #[error("the ROS arguments cannot be read: {0}")]
    Arguments(String),
    /// ROS refused to create something.
    #[error("{what} could not be created: {error}")]
    Ros {
        /// What.
        what: &'static str,
        /// What ROS said.
        error: r2r::Error,
    },
    /// Parameters that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Models that cannot be used.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// No threads, or no signals.
    #[error("the system refused threads or signal handlers: {0}")]
    System(#[from] io::Error),
    /// The thread that talks to ROS ended by a defect.
    #[error("the thread that talks to ROS ended by a defect")]
    SpinEnded,
}

fn creating<T>(what: &'static str, created: r2r::Result<T>) -> Result<T, NodeError> {
    created.map_err(|error| NodeError::Ros { what, error })
}

/// Runs the node until SIGINT or SIGTERM.
///
/// # Errors
/// When it cannot start, or ends by a defect.
pub fn run() -> Result<(), NodeError> {
    let lines = logging::start();
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let mut signals =
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let mut node = creating("the node", Node::create(context()?, NODE_NAME, ""))?;
    let config = Config::from_parameters(parameters::given(&node))?;
    if config.use_sim_time {
        let time_source = node.get_time_source();
        creating("the subscription to /clock", time_source.enable_sim_time(&mut node))?;
    }
    let names = topic_names(&node)?;
    let cameras = config.cameras.iter().map(|camera| camera.to_scene(|topic| names.resolve(topic))).collect();
    let app = Arc::new(App::new(config, cameras, ros_clock(&node))?);
    let parts = Parts::create(&mut node, &app, &names, lines)?;
    for task in parts.tasks {
        runtime.spawn(task);
    }
    let cameras: Vec<&str> = app.config().cameras.iter().map(|camera| camera.name.as_str()).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?cameras, fixed_frame = %app.config().fixed_frame, "ready");
    let spinner = Spinner { node, watched: parts.watched, publishers: parts.publishers };
    runtime.block_on(spin(spinner, &mut signals, &parts.server))
}

struct Parts {
    server: Arc<ActionServer>,
    tasks: Vec<BoxFuture<'static, ()>>,
    watched: Vec<WatchedTopic>,
    publishers: PublisherBoard,
}

impl Parts {
    fn create(node: &mut Node, app: &Arc<App>, names: &TopicNames, lines: RosoutLines) -> Result<Parts, NodeError> {
        let name = creating("the node", node.fully_qualified_name())?;
        let log_publisher = creating("the publisher of /rosout", node.create_publisher("/rosout", rosout::qos()))?;
        let mut tasks: Vec<BoxFuture<'static, ()>> =
            vec![Box::pin(lines.publish(name.trim_start_matches('/').replace('/', "."), log_publisher))];
        let declared = app.config().declared.clone();
        tasks.extend(creating("a parameter service", parameters::services(node, declared))?);
        let outputs = creating("a publisher of answers", Outputs::create(node, app.config()))?;
        let (ended_sender, ended) = mpsc::channel(ENDED_QUEUE);
        tasks.push(Box::pin(outputs.run(ended)));
        let (server, serving) = creating("the action server", ActionServer::create(node, app.clone(), ended_sender))?;
        tasks.extend(serving);
        let publishers = PublisherBoard::default();
        let doctor = Doctor {
            node_name: name.trim_start_matches('/').to_owned(),
            imu_topic: match app.config().imu_topic.as_str() {
                "" => String::new(),
                topic => names.resolve(topic),
            },
            app: app.clone(),
            publishers: publishers.clone(),
            server: server.clone(),
        };
        tasks.extend(creating("diagnostics", diagnostics::create(node, doctor))?);
        let subscribed = creating("a subscription", subscriptions::subscribe(node, app, names))?;
        tasks.extend(subscribed.tasks);
        Ok(Parts { server, tasks, watched: subscribed.watched, publishers })
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// What the thread that talks to ROS works on.
struct Spinner {
    node: Node,
    watched: Vec<WatchedTopic>,
    publishers: PublisherBoard,
}

impl Spinner {
    fn run(mut self, stop: &AtomicBool) {
        let mut looked_at: Option<Instant> = None;
        while !stop.load(Ordering::Relaxed) {
            self.node.spin_once(SPIN_TIMEOUT);
            if looked_at.is_none_or(|at| at.elapsed() >= LOOK_PERIOD) {
                self.publishers.look(&self.node, &self.watched);
                looked_at = Some(Instant::now());
            }
        }
    }
}

async fn spin(spinner: Spinner, signals: &mut Signals, server: &ActionServer) -> Result<(), NodeError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (alive, ended) = oneshot::channel::<()>();
    let spinning = {
        let stop = stop.clone();
        thread::Builder::new().name("ros-spin".to_owned()).spawn(move || {
            // Dropped when this thread ends, in whatever way.
            let _alive = alive;
            spinner.run(&stop);
        })?
    };
    tokio::select! {
        _ = signals.interrupt.recv() => {}
        _ = signals.terminate.recv() => {}
        _ = ended => return Err(NodeError::SpinEnded),
    }
    tracing::info!("shutting down");
    server.shut_down(SHUTDOWN_PATIENCE).await;
    tokio::time::sleep(LINGER).await;
    stop.store(true, Ordering::Relaxed);
    let joined = tokio::task::spawn_blocking(move || spinning.join()).await;
    if matches!(joined, Ok(Ok(()))) { Ok(()) } else { Err(NodeError::SpinEnded) }
}

fn runtime() -> io::Result<Runtime> {
    let n_threads = thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    tokio::runtime::Builder::new_multi_thread().worker_threads(n_threads).thread_name("worker").enable_all().build()
}

/// r2r panics on ROS arguments that cannot be read; here that becomes an error like any other.
fn context() -> Result<Context, NodeError> {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let created = catch_unwind(AssertUnwindSafe(Context::create));
    std::panic::set_hook(loud);
    match created {
        Ok(context) => creating("the ROS context", context),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().cloned();
            Err(NodeError::Arguments(text.unwrap_or_else(|| "unknown reason".to_owned())))
        }
    }
}

fn topic_names(node: &Node) -> Result<TopicNames, NodeError> {
    let namespace = creating("the node", node.namespace())?;
    let name = creating("the node", node.name())?;
    Ok(TopicNames::new(&namespace, &name, std::env::args()))
}

/// ROS time: the system's, or that of /clock.
fn ros_clock(node: &Node) -> RosClock {
    let clock: Arc<Mutex<Clock>> = node.get_ros_clock();
    Arc::new(move || {
        let now = clock.lock().unwrap_or_else(PoisonError::into_inner).get_now();
        // A clock that cannot be read counts as not started, like /clock before its first message.
        now.map_or_else(
            |_| Stamp::default(),
            |since| Stamp { nanos: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX) },
        )
    })
}
