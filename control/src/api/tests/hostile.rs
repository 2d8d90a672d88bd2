//! Those who ask for what cannot be, who say nothing, or who speak something else.

use super::*;

#[test]
fn what_cannot_be_is_refused_with_one_line() {
    let served = Served::start();
    for path in ["/", "/v1", "/v1/show", "/v1/show/ports/", "/v2/show/ports"] {
        error_of(&served.get(path), 404);
    }
    assert!(error_of(&served.get("/v1/show/port"), 400).contains("neighbors"));
    error_of(&served.get("/v1/show/%00%ff"), 400);
    error_of(&served.get("/v1/change"), 405);
    assert!(error_of(&served.get("/v1/lookup"), 400).contains("address"));
    error_of(&served.get("/v1/lookup?address=::ffff:1.2.3.4"), 400);
    error_of(&served.get("/v1/lookup?address=::1&wrong=1"), 400);
    assert!(error_of(&served.get("/v1/lookup?address=::1&vrf=red"), 400).contains("red"));
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        br#"{"command":"reboot"}"#,
        br#"{"command":"port-set","port":"isp-a"}"#,
        br#"{"command":"port-set","port":"","up":true}"#,
        br#"{"command":"port-set","port":"nowhere","up":true}"#,
        br#"{"command":"port-mtu","port":"isp-a","mtu":40}"#,
        br#"{"command":"port-mtu","port":"isp-a","mtu":70000}"#,
        br#"{"command":"mex-max-prefixes","max-prefixes":0}"#,
        br#"{"command":"route-add","prefix":"::ffff:192.0.2.0/120","action":"blackhole"}"#,
        br#"{"command":"route-add","prefix":"2001:db8::/32","action":{"via":[]}}"#,
    ] {
        error_of(&served.post(body), 400);
    }
    let nested = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    error_of(&served.post(&nested), 400);
    assert_eq!(served.get("/v1/show/version").0, 200);
}

#[test]
fn a_body_beyond_the_limit_is_not_read() {
    let served = Served::start();
    let mut body = br#"{"command":"port-set","port":"isp-a","up":false}"#.to_vec();
    body.resize(MAX_BODY_BYTES, b' ');
    assert_eq!(served.post(&body).0, 200);
    body.push(b' ');
    assert!(error_of(&served.post(&body), 413).contains(&MAX_BODY_BYTES.to_string()));
    // By the announcement alone, and in chunks without one.
    let head = b"POST /v1/change HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    error_of(&split(&served.exchange(head)), 413);
    let mut chunks = b"POST /v1/change HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..=MAX_BODY_BYTES / 0x1000 {
        chunks.extend_from_slice(b"1000\r\n");
        chunks.resize(chunks.len() + 0x1000, b' ');
        chunks.extend_from_slice(b"\r\n");
    }
    error_of(&split(&served.exchange(&chunks)), 413);
    assert_eq!(served.get("/v1/show/version").0, 200);
}

#[test]
fn octets_that_are_no_http_end_the_connection_and_nothing_else() {
    let served = Served::start();
    for octets in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET",
        b"\r\n\r\n\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ] {
        let mut stream = served.connect();
        stream.write_all(octets).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    let long = [b"GET /".as_slice(), &vec![b'a'; 4 * MAX_HEADER_BYTES], b" HTTP/1.1\r\n\r\n"].concat();
    let answer = served.exchange(&long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(served.get("/v1/show/version").0, 200);
}

#[test]
fn those_who_say_nothing_keep_nobody_out() {
    let served = Served::with(Duration::from_millis(300), true);
    let _silent: Vec<_> = (0..MAX_CONNECTIONS).map(|_| served.connect()).collect();
    let started = Instant::now();
    assert_eq!(served.get("/v1/show/version").0, 200);
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn what_is_not_the_api_is_told_from_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let other = std::thread::spawn(move || {
        for answer in [&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"[..], b"220 mail\r\n", b""] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            stream.write_all(answer).unwrap();
        }
    });
    for _ in 0..3 {
        let refused = ask(&path, &Ask::Show("ports".to_owned())).unwrap_err();
        assert_eq!(refused.kind, AskErrorKind::Failed);
        assert!(refused.message.contains(&path.display().to_string()), "{refused}");
    }
    other.join().unwrap();
}
