//! A server on this machine that plays exactly what it is told, byte by byte, to each connection.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
};

/// One thing a connection does after it has read the request.
#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// Sends the bytes again and again until the client goes away or the count is reached.
    Repeat(Vec<u8>, usize),
    /// Sends the bytes one at a time with a pause before each.
    Drip(Vec<u8>, Duration),
    Wait(Duration),
    /// Waits until the client goes away.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    pub n_body_bytes: usize,
    pub at: Instant,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

type Script = Arc<dyn Fn(usize) -> Vec<Step> + Send + Sync>;

fn in_order(connections: Vec<Vec<Step>>) -> Script {
    Arc::new(move |n| connections.get(n).or(connections.last()).cloned().unwrap_or_default())
}

#[derive(Default)]
struct Log {
    remembers: bool,
    received: Mutex<Vec<Received>>,
    closed_at: Mutex<Vec<Instant>>,
    n_sent: AtomicUsize,
}

pub struct LocalServer {
    pub address: SocketAddr,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

impl LocalServer {
    /// The n-th connection plays the n-th list; the last list is played to all that follow.
    pub async fn play(connections: Vec<Vec<Step>>) -> LocalServer {
        LocalServer::start(in_order(connections), true, None).await
    }

    /// Each connection plays what `steps` says for its number; nothing is kept of what was received.
    pub async fn play_by(steps: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static) -> LocalServer {
        LocalServer::start(Arc::new(steps), false, None).await
    }

    pub async fn play_tls(connections: Vec<Vec<Step>>, certificate_der: Vec<u8>, key_der: Vec<u8>) -> LocalServer {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate_der.into()], key_der.try_into().unwrap())
            .unwrap();
        LocalServer::start(in_order(connections), true, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(script: Script, remembers: bool, tls: Option<TlsAcceptor>) -> LocalServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log { remembers, ..Log::default() });
        let shared = log.clone();
        let task = tokio::spawn(async move {
            let mut n = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let steps = script(n);
                n += 1;
                let (log, tls) = (shared.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, steps, log).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, steps, log).await;
                            }
                        }
                    }
                });
            }
        });
        LocalServer { address, log, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.log.received.lock().unwrap().clone()
    }

    /// When clients went away while the server still had something to do.
    pub fn closed_at(&self) -> Vec<Instant> {
        self.log.closed_at.lock().unwrap().clone()
    }

    pub fn n_sent_bytes(&self) -> usize {
        self.log.n_sent.load(Ordering::SeqCst)
    }

    pub async fn wait_until_closed(&self) -> Instant {
        loop {
            if let Some(at) = self.closed_at().first() {
                return *at;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, steps: Vec<Step>, log: Arc<Log>) {
    let Some(request) = read_request(&mut stream, log.remembers).await else { return };
    if log.remembers {
        log.received.lock().unwrap().push(request);
    }
    for step in steps {
        let went_well = match step {
            Step::Send(bytes) => send(&mut stream, &bytes, &log).await,
            Step::Repeat(bytes, n) => {
                let mut went_well = true;
                for _ in 0..n {
                    went_well = send(&mut stream, &bytes, &log).await;
                    if !went_well {
                        break;
                    }
                }
                went_well
            }
            Step::Drip(bytes, pause) => {
                let mut went_well = true;
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    went_well = send(&mut stream, &[byte], &log).await;
                    if !went_well {
                        break;
                    }
                }
                went_well
            }
            Step::Wait(time) => {
                tokio::time::sleep(time).await;
                true
            }
            Step::Hang => {
                let mut buffer = [0; 64];
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
                false
            }
        };
        if !went_well {
            if log.remembers {
                log.closed_at.lock().unwrap().push(Instant::now());
            }
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], log: &Log) -> bool {
    let went_well = stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok();
    log.n_sent.fetch_add(if went_well { bytes.len() } else { 0 }, Ordering::SeqCst);
    went_well
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), with_body: bool) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let mut first = lines.next()?.split(' ');
            let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let n_body_bytes: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
            let mut body = bytes[end + 4..].to_vec();
            while body.len() < n_body_bytes {
                let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
                body.extend_from_slice(&buffer[..n]);
            }
            let body = if with_body { serde_json::from_slice(&body).unwrap_or(Value::Null) } else { Value::Null };
            return Some(Received { method, path, headers, body, n_body_bytes, at: Instant::now() });
        }
        let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
    }
}

/// A head whose body ends with the connection.
pub fn head(status: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

pub fn answer(status: &str, content_type: &str, body: &str) -> Vec<Step> {
    vec![Step::Send([head(status, &[("Content-Type", content_type)]), body.as_bytes().to_vec()].concat())]
}

pub const EVENTS: &[(&str, &str)] = &[("Content-Type", "text/event-stream")];

/// One event with a piece of text.
pub fn text_event(text: &str) -> Vec<u8> {
    let chunk = serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    format!("data: {chunk}\n\n").into_bytes()
}

/// The end of a good stream.
pub fn end_events() -> Vec<u8> {
    let stop = serde_json::json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let usage = serde_json::json!({ "choices": [], "usage": { "prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14 } });
    format!("data: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n").into_bytes()
}

/// A whole good stream of one text.
pub fn good_stream(text: &str) -> Vec<Step> {
    vec![Step::Send([head("200 OK", EVENTS), text_event(text), end_events()].concat())]
}
