//! The API over a real Unix socket, with a router behind it that has no DPDK.

mod hostile;
mod pages;

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dataplane::buffer::HeapBuf;
use dataplane::wire::ethernet::Mac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::ask::{AskErrorKind, TOPICS};
use crate::command::Command;
use crate::router::{Buffers, Mode, Router};

/// Longer than any exchange of these tests; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(30);

struct Heap;

impl Buffers<HeapBuf> for Heap {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, 0))
    }
}

fn router() -> Router<HeapBuf> {
    let text = "[[port]]\nname = \"isp-a\"\nmac = \"02:00:00:00:00:0a\"\naddress = [\"2001:db8:a::1/64\"]\n\
        [[neighbor]]\nport = \"isp-a\"\naddress = \"2001:db8:a::2\"\nmac = \"02:00:00:00:00:a2\"\n\
        [[route]]\nprefix = \"2001:db8:1::/48\"\nvia = [{ address = \"2001:db8:a::2\", port = \"isp-a\" }]\n";
    let (config, _) = crate::config::parse("a.toml", text).unwrap();
    let mac = Mac([2, 0, 0, 0, 0, 0x0a]);
    let mut router =
        Router::new(config, &[mac], Arc::default(), vec![Arc::default()], Mode::REPLAY, &mut Heap, 0)
            .unwrap();
    router.push();
    router
}

/// A server on a socket of its own, in a thread of its own, until the test ends it.
struct Served {
    directory: TempDir,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn start() -> Served {
        Served::with(CONNECTION_LIMIT, true)
    }

    /// A daemon that does not answer while `answers` is false: its channel fills up.
    fn with(connection_limit: Duration, answers: bool) -> Served {
        let directory = TempDir::new().unwrap();
        let listener = Listener::bind(&directory.path().join("s")).unwrap();
        let (stop, mut stopped) = mpsc::channel::<()>(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (requests, mut asked) = mpsc::channel::<Request>(MAX_WAITING_REQUESTS);
                let server = tokio::spawn(serve::serve_within(listener, requests, connection_limit));
                let mut router = router();
                loop {
                    tokio::select! {
                        Some((ask, reply)) = asked.recv(), if answers => {
                            let _ = reply.send(crate::ask::answer(&mut router, &ask, &mut Heap, 0));
                        }
                        _ = stopped.recv() => break,
                    }
                }
                drop(asked);
                server.await.unwrap().unwrap();
            });
        });
        Served { directory, stop: Some(stop), thread: Some(thread) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What comes back for these octets, up to the end of the connection.
    fn exchange(&self, octets: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(octets);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn get(&self, path: &str) -> (u16, String) {
        split(&self.exchange(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()))
    }

    fn post(&self, body: &[u8]) -> (u16, String) {
        let head = format!("POST /v1/change HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        split(&self.exchange(&[head.as_bytes(), body].concat()))
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl std::ops::Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Status and body of a response.
fn split(response: &str) -> (u16, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {response:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// The one line that an error is.
fn error_of((status, body): &(u16, String), expected: u16) -> String {
    assert_eq!(*status, expected, "{body}");
    let value: Value = serde_json::from_str(body).unwrap();
    let message = value["error"].as_str().unwrap();
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    message.to_owned()
}

#[test]
fn every_topic_is_json_by_http_and_by_the_client() {
    let served = Served::start();
    for topic in TOPICS {
        let (status, body) = served.get(&format!("/v1/show/{topic}"));
        assert_eq!(status, 200, "{topic}: {body}");
        let by_http: Value = serde_json::from_str(&body).unwrap();
        let by_client = ask(&served.socket(), &Ask::Show(topic.to_owned())).unwrap();
        assert_eq!(by_http, by_client);
    }
    let ports = ask(&served.socket(), &Ask::Show("ports".to_owned())).unwrap();
    assert_eq!(ports[0]["name"], "isp-a");
    assert_eq!(ports[0]["mac"], "02:00:00:00:00:0a");
}

#[test]
fn a_change_is_carried_out_once_and_seen() {
    let served = Served::start();
    let show = || ask(&served.socket(), &Ask::Show("routes".to_owned())).unwrap().as_array().unwrap().len();
    assert_eq!(show(), 1);
    let command = Command::parse(&["route", "add", "blackhole", "3fff::/20"]).unwrap();
    assert_eq!(ask(&served.socket(), &Ask::Change(command.clone())), Ok(json!({})));
    assert_eq!(show(), 2);
    let again = ask(&served.socket(), &Ask::Change(command)).unwrap_err();
    assert_eq!(again.kind, AskErrorKind::BadInput);
    assert!(again.message.contains("3fff::/20"), "{again}");
    assert_eq!(served.post(br#"{"command":"port-set","port":"isp-a","up":false}"#), (200, "{}".to_owned()));
    assert_eq!(ask(&served.socket(), &Ask::Show("ports".to_owned())).unwrap()[0]["admin"], "down");
}

#[test]
fn a_lookup_names_route_neighbor_and_rewrite() {
    let served = Served::start();
    let found = ask(
        &served.socket(),
        &Ask::Lookup { address: "2001:db8:1::5".parse().unwrap(), vrf: "default".to_owned() },
    );
    let found = found.unwrap();
    assert_eq!(found["route"], "2001:db8:1::/48");
    assert_eq!(found["via"][0]["mac"], "02:00:00:00:00:a2");
    assert_eq!(found["via"][0]["next-hop"], "2001:db8:a::2");
    // A VRF with every octet that a URI cannot hold arrives as it was written.
    let vrf = "r\u{e9}d & 1?=%/".to_owned();
    let refused = ask(&served.socket(), &Ask::Lookup { address: "::1".parse().unwrap(), vrf: vrf.clone() });
    assert!(refused.clone().unwrap_err().message.contains(&vrf), "{refused:?}");
}

#[test]
fn a_daemon_that_ends_says_so_to_those_who_wait() {
    let mut served = Served::with(CONNECTION_LIMIT, false);
    let socket = served.socket();
    let asking = std::thread::spawn(move || ask(&socket, &Ask::Show("ports".to_owned())));
    // One more than fit is refused at once: by then the first is in the channel for certain.
    let started = Instant::now();
    let fill: Vec<_> = (1..MAX_CONNECTIONS)
        .map(|_| {
            let mut stream = served.connect();
            stream.write_all(b"GET /v1/show/ports HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    served.end();
    let refused = asking.join().unwrap().unwrap_err();
    assert_eq!(refused.kind, AskErrorKind::Failed);
    assert!(refused.message.contains("daemon ended"), "{refused}");
    assert!(started.elapsed() < PATIENCE);
    drop(fill);
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_has_its_mode_and_goes_with_the_server() {
    let mut served = Served::start();
    assert_eq!(mode(&served.socket()), SOCKET_MODE);
    let entries = || std::fs::read_dir(served.directory.path()).unwrap().count();
    assert_eq!(entries(), 1, "something lies beside the socket");
    served.end();
    assert!(!served.socket().exists());
    let refused = ask(&served.socket(), &Ask::Show("ports".to_owned())).unwrap_err();
    assert_eq!(refused.kind, AskErrorKind::Failed);
    let expected = format!("no mexfwd answers at {}: is it running?", served.socket().display());
    assert_eq!(refused.message, expected);
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_not() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    assert!(std::fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    let first = Listener::bind(&path).unwrap();
    assert!(matches!(Listener::bind(&path), Err(ApiError::InUse(_))));
    assert!(path.exists(), "the refused one has removed the socket of the other");
    // A file that has taken the place since is not the listener's to remove.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    drop(first);
    assert!(matches!(Listener::bind(&path), Err(ApiError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let nowhere = directory.path().join("nowhere/s");
    assert!(matches!(Listener::bind(&nowhere), Err(ApiError::Io { .. })));
}
