//! The parent's side: one task owns a child from its start to its end.

use std::{
    collections::VecDeque,
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    process::{self, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{
    bytes::{Bytes, BytesMut},
    codec::{FramedRead, FramedWrite, LengthDelimitedCodec},
    sync::{CancellationToken, DropGuard},
};

use super::{
    super::{CellReport, KernelContext, worker::Job},
    Ended, ProcessOptions, looker,
    wire::{self, Hello, LookCall, LookTask, Ready, Request, Said, Seen, Setup, Start},
};
use crate::{
    perception::{Segmenter, label_image::LabelImageSegmenter},
    scene::snapshot_codec,
};

/// Last words of a child that are kept.
const MAX_LAST_WORDS: usize = 2048;
/// How long a child that closed its pipes may take to end.
const END_TIME: Duration = Duration::from_secs(1);
/// One arena would have all threads wait for each other, and each takes 64 MiB of address space.
const ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");
const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;

/// A child as its user holds it. Dropping it kills the child.
pub struct Child {
    /// Cells to run, one at a time.
    pub jobs: mpsc::Sender<Job>,
    _kill: DropGuard,
}

/// Starts a child for `context`. Must be called within a runtime that has its I/O driver enabled.
///
/// # Errors
/// When the program cannot be started, or the child could not do what the context asks for.
pub fn start(context: KernelContext, options: &ProcessOptions) -> io::Result<Child> {
    let segmenter = context.perception.segmenter.name();
    let text_reader = context.perception.text_reader.as_ref();
    if segmenter != LabelImageSegmenter.name() {
        let message =
            format!("segmenter \"{segmenter}\" cannot run in the kernel's process; set kernel.isolation to thread");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    if let Some(reader) = text_reader {
        let name = reader.name();
        let message =
            format!("text reader \"{name}\" cannot run in the kernel's process; set kernel.isolation to thread");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    let (name, value) = ARENAS;
    let child = Command::new(&options.program)
        .env_clear()
        .env(name, value)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Control-C in the node's terminal is the node's to handle.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{error}: {}", options.program.display())))?;
    let (jobs, receive) = mpsc::channel(1);
    let kill = CancellationToken::new();
    let setup = Setup {
        max_memory_bytes: context.limits.max_memory_bytes,
        snapshot_bytes: wire::bytes_of(&context.snapshot),
        address_space_bytes: options.address_space_bytes,
        time_left: wire::time_left(&context),
    };
    let parent = Parent { context, setup, jobs: receive, reply: None };
    tokio::spawn(parent.own(child, kill.clone()));
    Ok(Child { jobs, _kill: kill.drop_guard() })
}

type Reply = oneshot::Sender<Result<CellReport, Ended>>;

struct Parent {
    context: KernelContext,
    setup: Setup,
    jobs: mpsc::Receiver<Job>,
    /// Of the cell that is running.
    reply: Option<Reply>,
}

impl Parent {
    /// Until the child has ended or is no longer wanted; there is no process left afterwards.
    async fn own(mut self, mut child: process::Child, kill: CancellationToken) {
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let listener = child.stderr.take().map(|stderr| tokio::spawn(listen(stderr, last_words.clone())));
        let problem = match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => tokio::select! {
                biased;
                () = kill.cancelled() => None,
                problem = self.talk(stdin, stdout) => problem.err(),
            },
            _ => Some(io::ErrorKind::BrokenPipe.into()),
        };
        // One that broke off by itself has a reason to tell.
        let status = match &problem {
            Some(_) => timeout(END_TIME, child.wait()).await.ok().and_then(Result::ok),
            None => None,
        };
        if status.is_none()
            && let Err(error) = child.kill().await
        {
            tracing::warn!(%error, "a kernel's process could not be ended");
        }
        let Some(problem) = problem else { return };
        if let Some(listener) = listener {
            let _ = timeout(END_TIME, listener).await;
        }
        let words = last_words.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect::<Vec<u8>>();
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        let ended = self.ended(status, &problem, &words);
        tracing::warn!(what = ended.what, last_words = words, "a kernel's process ended");
        let reply = match self.reply.take() {
            Some(reply) => Some(reply),
            // The next cell is told why it cannot run.
            None => tokio::select! {
                () = kill.cancelled() => None,
                job = self.jobs.recv() => job.map(|job| job.reply),
            },
        };
        if let Some(reply) = reply {
            let _ = reply.send(Err(ended));
        }
    }

    /// Hands over the question and runs cells, until nobody has any more.
    async fn talk(&mut self, stdin: impl AsyncWrite + Unpin, stdout: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut to_child: ToChild<_> = FramedWrite::new(stdin, wire::codec(usize::MAX));
        // No report is larger than the memory it was made in.
        let mut from_child: FromChild<_> = FramedRead::new(stdout, wire::codec(self.setup.max_memory_bytes));
        let hello: Hello = receive(&mut from_child).await?;
        if hello != Hello::own() {
            let message = format!("the program is {hello:?}, expected {:?}; install both of one release", Hello::own());
            return Err(wire::invalid(message));
        }
        send(&mut to_child, wire::bytes(&self.setup)?).await?;
        let Ready { missing } = receive(&mut from_child).await?;
        for reason in missing {
            tracing::warn!("{reason}");
        }
        for part in snapshot_codec::parts(&self.context.snapshot) {
            let block = snapshot_codec::encode_part(&self.context.snapshot, part);
            send(&mut to_child, block.unwrap_or_default()).await?;
        }
        send(&mut to_child, wire::bytes(&Start::new(&self.context))?).await?;
        loop {
            let job = tokio::select! {
                job = self.jobs.recv() => job,
                said = from_child.next() => return Err(unasked(said)),
            };
            let Some(Job { cell, is_program, reply, span: _ }) = job else { return Ok(()) };
            self.reply = Some(reply);
            send(&mut to_child, wire::bytes(&Request::Run { cell, is_program })?).await?;
            let report = self.cell(&mut to_child, &mut from_child).await?;
            if let Some(reply) = self.reply.take() {
                let _ = reply.send(Ok(report));
            }
        }
    }

    /// Does for a running cell what only the parent can, until its report comes.
    async fn cell(
        &self,
        to_child: &mut ToChild<impl AsyncWrite + Unpin>,
        from_child: &mut FromChild<impl AsyncRead + Unpin>,
    ) -> io::Result<CellReport> {
        let mut is_told = false;
        let mut looking: Option<Looking> = None;
        loop {
            tokio::select! {
                said = receive::<Said>(from_child) => match said? {
                    Said::Report { report, noted } => {
                        for (id, sighting) in noted {
                            self.context.snapshot.memory.note(&id, move || Some(sighting));
                        }
                        return Ok(*report);
                    }
                    Said::Look(call) => looking = Some(Looking::start(call, &self.context)?),
                    Said::StopLooking => looking = None,
                },
                () = self.context.cancel.cancelled(), if !is_told => {
                    send(to_child, wire::bytes(&Request::Cancel)?).await?;
                    is_told = true;
                }
                Some(seen) = async { Some(looking.as_mut()?.seen().await) } => {
                    looking = None;
                    send(to_child, wire::bytes(&seen?)?).await?;
                }
            }
        }
    }

    fn ended(&self, status: Option<ExitStatus>, problem: &io::Error, last_words: &str) -> Ended {
        let limit = |what: String| Ended { is_limit: true, what };
        let memory = self.context.limits.max_memory_bytes >> 20;
        match status.and_then(|status| status.signal()) {
            // What Rust's runtime says before it gives up.
            Some(SIGABRT) if last_words.contains("memory allocation of ") => limit(format!(
                "the cell took far more than {memory} MiB at once, and its process was ended; keep less in lists and strings"
            )),
            Some(SIGXCPU) => {
                limit("the kernel's process used up its processor time; leave bulk work to tools".to_owned())
            }
            Some(signal) => {
                Ended { is_limit: false, what: format!("the kernel's process was ended by signal {signal}") }
            }
            None => {
                let code = status.and_then(|status| status.code());
                let how = match code {
                    Some(code) if last_words.is_empty() => format!("{problem}, exit code {code}"),
                    Some(code) => format!("exit code {code}, {}", last_words.lines().last().unwrap_or_default()),
                    None => problem.to_string(),
                };
                Ended { is_limit: false, what: format!("the kernel's process ended: {how}") }
            }
        }
    }
}

/// Keeps the end of what a child writes to stderr.
async fn listen(mut stderr: impl AsyncRead + Unpin, last_words: Arc<Mutex<VecDeque<u8>>>) {
    let mut piece = [0; 512];
    while let Ok(n_read @ 1..) = stderr.read(&mut piece).await {
        let mut kept = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(piece.iter().take(n_read));
        let excess = kept.len().saturating_sub(MAX_LAST_WORDS);
        kept.drain(..excess);
    }
}

/// A call of a vision-language model that a cell waits for. Dropping it ends the call.
struct Looking {
    id: u64,
    call: JoinHandle<Seen>,
    _stop: DropGuard,
}

impl Looking {
    fn start(call: LookCall, context: &KernelContext) -> io::Result<Looking> {
        let LookCall { id, task, pictures, questions } = call;
        let pictures = looker::pictures(pictures, &context.snapshot)?;
        let vlm = context.vlm.clone().ok_or_else(|| wire::invalid("a model is asked for and there is none"))?;
        let stop = CancellationToken::new();
        let must_stop = stop.clone();
        let call = tokio::task::spawn_blocking(move || {
            let must_stop = || must_stop.is_cancelled();
            match task {
                LookTask::Locate => Seen::Located(vlm.locate(pictures, questions, &must_stop)),
                LookTask::Look => Seen::Described(vlm.look(pictures, questions, &must_stop)),
            }
        });
        Ok(Looking { id, call, _stop: stop.drop_guard() })
    }

    async fn seen(&mut self) -> io::Result<Request> {
        Ok(Request::Seen(self.id, (&mut self.call).await?))
    }
}

type ToChild<W> = FramedWrite<W, LengthDelimitedCodec>;
type FromChild<R> = FramedRead<R, LengthDelimitedCodec>;

async fn send(to: &mut ToChild<impl AsyncWrite + Unpin>, bytes: Vec<u8>) -> io::Result<()> {
    to.send(Bytes::from(bytes)).await
}

async fn receive<T: DeserializeOwned>(from: &mut FromChild<impl AsyncRead + Unpin>) -> io::Result<T> {
    match from.next().await {
        Some(frame) => wire::message(&frame?),
        None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it said nothing more")),
    }
}

/// What stands for the kernel's end when no cell is running.
fn unasked(said: Option<io::Result<BytesMut>>) -> io::Error {
    match said {
        Some(Ok(frame)) => wire::invalid(format!("{} bytes that nobody asked for", frame.len())),
        Some(Err(error)) => error,
        None => io::Error::new(io::ErrorKind::UnexpectedEof, "it said nothing more"),
    }
}
