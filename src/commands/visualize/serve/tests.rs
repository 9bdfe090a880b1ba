//! The server as whoever connects to it sees it.

use super::*;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Says when it has had enough.
struct Until(Arc<AtomicBool>);

impl Progress for Until {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn notice(&self, _: &str) {}
    fn stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// `outer/inner/run.h5` with neighbours, served.
struct Served {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    ends: Arc<AtomicBool>,
}

impl Served {
    fn with(external: External) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir_all(inner.join("sub")).unwrap();
        for name in ["inner/run.h5", "inner/part.h5", "inner/sub/b c.h5", "inner/raw.bin", "secret.h5"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        #[cfg(unix)]
        for (link, to) in [("out.h5", "../secret.h5"), ("zero.h5", "/dev/zero"), ("up", "..")] {
            std::os::unix::fs::symlink(to, inner.join(link)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let site = Site::new(&inner.join("run.h5"), "t0ken".into(), address, None).unwrap().with_others(external);
        let ends = Arc::new(AtomicBool::new(false));
        let until = Until(ends.clone());
        std::thread::spawn(move || accept(&listener, &Arc::new(site), &until));
        Served { folder, address, ends }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the server says to these bytes, until it closes the connection.
    fn say(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may hang up before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get_with(&self, path: &str, headers: &str) -> String {
        let host = format!("Host: {}\r\n", self.address);
        let host = if headers.contains("Host:") { "" } else { &host };
        self.say(format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes())
    }

    /// The status and the body.
    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.get_with(path, "");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn other_files_are_served_where_the_policy_allows_and_nothing_else_is() {
    let served = Served::with(External::OwnFolder);
    assert_eq!(served.get("/t0ken/files/run.h5"), (200, "inner/run.h5".into()));
    assert_eq!(served.get("/t0ken/files/part.h5"), (200, "inner/part.h5".into()));
    assert_eq!(served.get("/t0ken/files/sub%2Fb%20c.h5"), (200, "inner/sub/b c.h5".into()));
    assert_eq!(served.get("/t0ken/files/sub/../part.h5").1, "inner/part.h5");
    assert_eq!(served.get("/t0ken/raw/raw.bin"), (200, "inner/raw.bin".into()));
    // What was moved together with the file.
    assert_eq!(served.get("/t0ken/files/%2Fold%2Fplace%2Fpart.h5").1, "inner/part.h5");
    for outside in
        ["..%2Fsecret.h5", "../secret.h5", "%2e%2e/secret.h5", "sub/../../secret.h5", "out.h5", "up/secret.h5"]
    {
        let (status, text) = served.get(&format!("/t0ken/files/{outside}"));
        assert!(status == 403 && text.contains("--external"), "{outside}: {status} {text}");
    }
    let absolute = served.path("secret.h5").display().to_string().replace('/', "%2F");
    assert_eq!(served.get(&format!("/t0ken/raw/{absolute}")).0, 403);
    assert_eq!(served.get("/t0ken/raw/%2Fetc%2Fpasswd").0, 403);
    assert_eq!(served.get("/t0ken/files/zero.h5").0, 403);
    for nothing in ["none.h5", "", "sub", ".", "%00", "part.h5%00.txt", "%ff", "%zz", "raw.bin/x"] {
        assert_eq!(served.get(&format!("/t0ken/files/{nothing}")).0, 404, "{nothing}");
    }
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_not_opened_whatever_is_allowed() {
    let served = Served::with(External::Any);
    assert_eq!(served.get("/t0ken/files/..%2Fsecret.h5"), (200, "secret.h5".into()));
    assert_eq!(served.get("/t0ken/files/zero.h5").0, 403);
    assert_eq!(served.get("/t0ken/raw/%2Fdev%2Fzero").0, 403);
    let pipe = served.path("inner/pipe.h5");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    assert_eq!(served.get("/t0ken/files/pipe.h5").0, 403);
    // Nor in the place of the file itself.
    std::fs::rename(&pipe, served.path("inner/run.h5")).unwrap();
    assert_eq!(served.get("/t0ken/files/run.h5").0, 410);
}

#[test]
fn with_deny_there_is_one_file() {
    let served = Served::with(External::Deny);
    assert_eq!(served.get("/t0ken/files/run.h5").0, 200);
    assert_eq!(served.get("/t0ken/files/part.h5").0, 403);
    assert_eq!(served.get("/t0ken/raw/raw.bin").0, 403);
}

#[test]
fn who_has_no_token_or_comes_from_elsewhere_gets_nothing() {
    let served = Served::with(External::OwnFolder);
    for path in ["/", "/files/run.h5", "/t0ke/files/run.h5", "/t0kenn/files/run.h5", "/T0KEN/files/run.h5", "//t0ken/"]
    {
        assert_eq!(served.get(path).0, 404, "{path}");
    }
    let port = served.address.port();
    let ask = |headers: String| served.get_with("/t0ken/files/part.h5", &headers);
    // A name that somebody made to lead here (DNS rebinding), or a page of another origin.
    for wrong in [
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        "Host: \r\n".to_owned(),
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: https://127.0.0.1:{port}\r\n"),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
    ] {
        assert_eq!(status(&ask(wrong.clone())), "403", "{wrong}");
    }
    let own = ask(format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", served.address));
    assert_eq!(status(&own), "200");
    assert!(!own.to_ascii_lowercase().contains("access-control-allow"), "{own}");
}

#[test]
fn requests_that_make_no_sense_end_in_bounded_time_and_memory() {
    let served = Served::with(External::OwnFolder);
    let host = format!("Host: {}\r\n", served.address);
    let long = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(100_000));
    assert!(matches!(status(&served.say(long.as_bytes())), "431" | "400" | ""));
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "a: b\r\n".repeat(50_000));
    assert!(matches!(status(&served.say(many.as_bytes())), "431" | ""));
    assert_eq!(status(&served.say(b"\xff\xfe\r\n\r\n")), "400");
    assert_eq!(served.say(b"GET / HT"), "");
    for (range, expected) in [
        ("bytes=0-18446744073709551615", "206"),
        ("bytes=0-99999999999999999999999999", "200"),
        ("bytes=18446744073709551615-", "416"),
        ("bytes=-18446744073709551615", "206"),
        ("bytes=-0", "416"),
        ("bytes=5-2", "416"),
    ] {
        let answer = served.get_with("/t0ken/files/run.h5", &format!("Range: {range}\r\n"));
        assert_eq!(status(&answer), expected, "{range}: {answer}");
    }
    let answer = served.get_with("/t0ken/files/part.h5", "Range: bytes=6-8\r\n");
    assert!(answer.contains("Content-Range: bytes 6-8/13\r\n") && answer.ends_with("\r\n\r\npar"), "{answer}");
}

#[test]
fn too_many_connections_are_closed_and_the_next_ones_served() {
    let served = Served::with(External::OwnFolder);
    let silent: Vec<_> = (0..MOST_CONNECTIONS + 8).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    // The last ones are hung up on.
    for mut extra in silent.iter().rev().take(8) {
        extra.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(extra.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    drop(silent);
    let served_again = (0..100).any(|_| {
        std::thread::sleep(POLL);
        status(&served.get_with("/t0ken/files/run.h5", "")) == "200"
    });
    assert!(served_again);
}

#[test]
fn connections_stay_open_for_who_has_the_token_alone() {
    let served = Served::with(External::OwnFolder);
    let host = format!("Host: {}\r\n\r\n", served.address);
    let answers = |path: &str| {
        let one = format!("GET {path} HTTP/1.1\r\n{host}");
        served.say(one.repeat(3).as_bytes()).matches("HTTP/1.1 ").count()
    };
    assert_eq!(answers("/t0ken/files/run.h5"), 3);
    assert_eq!(answers("/t0ken/files/none.h5"), 3);
    assert_eq!(answers("/other/files/run.h5"), 1);
}

#[test]
fn a_file_that_has_become_shorter_ends_the_connection() {
    let served = Served::with(External::OwnFolder);
    let file = FileSource::open(served.path("inner/run.h5")).unwrap();
    let mut out = Vec::new();
    assert!(answer::copy(&file, 0..12, &mut out).unwrap());
    assert!(!answer::copy(&file, 0..13, &mut out).unwrap());
}
