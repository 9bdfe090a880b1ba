//! The page that `visualize` serves: who gets what, and who gets nothing.

use super::Desk;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program as it serves a file.
struct Served {
    program: Child,
    port: u16,
    token: String,
    /// All of the line that says where.
    line: String,
}

/// What came back: status, headers in lower case, body.
struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Served {
    fn start(desk: &Desk, arguments: &[&str]) -> Served {
        let mut program = Command::new(env!("CARGO_BIN_EXE_h5manager"));
        program.args(["visualize", "--no-open"]).args(arguments).current_dir(desk.folder.path());
        let mut program = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(program.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("no address in {line:?}"));
        let port = address.split([':', '/']).nth(1).expect("a port").parse().expect("a number");
        let token = address.split('/').nth(1).expect("a token").to_owned();
        Served { program, port, token, line }
    }

    /// Sends a request as it stands; `{host}` is what the server is called.
    fn raw(&self, request: &str) -> Answer {
        let request = request.replace("{host}", &format!("127.0.0.1:{}", self.port)).replace("{token}", &self.token);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an answer");
        let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head for {request:?}"));
        let headers = String::from_utf8_lossy(&all[..end]).to_lowercase();
        let status = headers.split(' ').nth(1).expect("a status").parse().expect("a number");
        Answer { status, headers, body: all[end + 4..].to_vec() }
    }

    fn get(&self, path: &str, more: &str) -> Answer {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n{more}\r\n"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn desk() -> Desk {
    let desk = Desk::new();
    write(&desk.path("my run.h5"), 1000);
    write(&desk.path("other.h5"), 10);
    desk
}

fn write(path: &Path, n: i64) {
    let mut out = h5manager::File::create(path).expect("a new file");
    out.build("values").write((0..n).collect::<Vec<i64>>()).expect("values");
    out.commit().expect("a file");
}

#[test]
fn the_page_and_the_file_are_served_with_ranges() {
    let desk = desk();
    let served = Served::start(&desk, &["my run.h5::/values"]);
    assert!(served.line.trim_end().ends_with("/?file=files/my%2520run.h5#/values"), "{}", served.line);
    assert_eq!(served.token.len(), 32);
    let page = served.get("/{token}/", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';") && policy.contains("connect-src 'self'"));
    assert_eq!(served.get("/{token}", "").header("location"), Some(&*format!("/{}/", served.token)));
    let engine = served.get("/{token}/assets/engine.wasm", "Accept-Encoding: br, gzip\r\n");
    assert_eq!((engine.status, engine.header("content-type")), (200, Some("application/wasm")));
    assert_eq!((engine.header("content-encoding"), &engine.body[..2]), (Some("gzip"), &[0x1f, 0x8b][..]));

    let bytes = std::fs::read(desk.path("my run.h5")).expect("the file");
    let whole = served.get("/{token}/files/my%20run.h5", "");
    assert_eq!((whole.status, whole.body == bytes), (200, true));
    assert_eq!(whole.header("cache-control"), Some("no-store"));
    let part = served.get("/{token}/files/my%20run.h5", "Range: bytes=8-19\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[8..20]));
    assert_eq!(part.header("content-range"), Some(&*format!("bytes 8-19/{}", bytes.len())));
    assert_eq!(served.get("/{token}/files/my%20run.h5", "Range: bytes=99999999-\r\n").status, 416);
    let head = served.raw("HEAD /{token}/files/my%20run.h5 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*bytes.len().to_string()));
}

#[test]
fn a_file_that_changed_has_another_tag() {
    let desk = desk();
    let served = Served::start(&desk, &["my run.h5"]);
    let tag = |answer: &Answer| answer.header("etag").expect("a tag").to_owned();
    let before = tag(&served.get("/{token}/files/my%20run.h5", "Range: bytes=0-0\r\n"));
    let same = format!("If-None-Match: {before}\r\n");
    assert_eq!(served.get("/{token}/files/my%20run.h5", &same).status, 304);
    std::fs::remove_file(desk.path("my run.h5")).expect("gone");
    assert_eq!(served.get("/{token}/files/my%20run.h5", "").status, 410);
    write(&desk.path("my run.h5"), 2000);
    let after = served.get("/{token}/files/my%20run.h5", "Range: bytes=0-0\r\n");
    assert_ne!(tag(&after), before);
    let stale = format!("Range: bytes=0-0\r\nIf-Range: {before}\r\n");
    assert_eq!(served.get("/{token}/files/my%20run.h5", &stale).status, 200);
}

#[test]
fn who_does_not_belong_here_gets_nothing() {
    let desk = desk();
    let served = Served::start(&desk, &["--external", "deny", "my run.h5"]);
    let file = "/{token}/files/my%20run.h5";
    assert_eq!(served.get(file, "Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n").status, 200);
    for path in [
        "/",
        "/files/my%20run.h5",
        "/00000000000000000000000000000000/",
        "/{token}x/",
        "/{token}/assets/../../Cargo.toml",
        "/{token}/assets/",
        "//{token}/",
    ] {
        assert_eq!(served.get(path, "").status, 404, "{path}");
    }
    for name in ["other.h5", "", "../other.h5", "..%2fother.h5", ".%2fother.h5", "/etc/passwd", "%2fetc%2fpasswd"] {
        for folder in ["files", "raw"] {
            let answer = served.get(&format!("/{{token}}/{folder}/{name}"), "");
            assert!(matches!(answer.status, 403 | 404), "{folder}/{name}: {}", answer.status);
        }
    }
    for header in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: https://{host}\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let refused = served.get(file, header);
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None), "{header}");
    }
    for host in ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1"] {
        let host = host.replace("{port}", &served.port.to_string());
        let request = format!("GET {file} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(served.raw(&request).status, 403, "{host}");
    }
    for (request, status) in [
        ("POST {token} HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("POST /{token}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", 405),
        ("PUT /{token}/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx", 413),
        ("GET /{token}/ HTTP/1.1\r\n\r\n", 400),
        ("\x16\x03\x01 nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(served.raw(request).status, status, "{request:?}");
    }
    // And it still serves.
    assert_eq!(served.get(file, "").status, 200);
}

#[test]
fn other_files_come_from_the_folder_of_the_first_alone() {
    let desk = desk();
    std::fs::create_dir(desk.path("inner")).expect("a folder");
    std::fs::rename(desk.path("my run.h5"), desk.path("inner/my run.h5")).expect("moved");
    write(&desk.path("inner/beside.h5"), 10);
    let served = Served::start(&desk, &["inner/my run.h5"]);
    assert_eq!(served.get("/{token}/files/beside.h5", "").status, 200);
    for name in ["other.h5", "../other.h5", "..%2fother.h5", "%2fetc%2fpasswd"] {
        let answer = served.get(&format!("/{{token}}/files/{name}"), "");
        assert!(matches!(answer.status, 403 | 404), "{name}: {}", answer.status);
    }
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let desk = desk();
    desk.bad(&["visualize", "--no-open", "nothing.h5"], &["nothing.h5"]);
    std::fs::write(desk.path("text.h5"), "no HDF5").expect("a file");
    desk.bad(&["visualize", "--no-open", "text.h5"], &["not an HDF5 file"]);
    desk.bad(&["visualize", "--host", "256.1.1.1", "my run.h5"], &["256.1.1.1"]);
    // Into a pipe without a wish for the page: the tree, as ever.
    let tree = desk.good(&["visualize", "my run.h5"]);
    assert!(tree.out.contains("values"), "{}", tree.out);
}
