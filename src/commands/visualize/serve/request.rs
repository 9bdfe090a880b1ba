//! What a browser asks: the head of a request. Bodies are not accepted.

use std::io::{BufRead, Read};

/// Bytes of a head at most.
const MOST_BYTES: u64 = 16 << 10;

/// A request, as far as this server understands one.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without what stands behind a question mark.
    pub(super) path: String,
    /// In lower case, with their values.
    headers: Vec<(String, String)>,
    is_old: bool,
}

/// Why a request is refused: a status of HTTP.
pub(super) type Status = u16;

impl Request {
    /// A header; the first, if there are several of the name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn keeps_alive(&self) -> bool {
        !self.is_old && !self.header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close"))
    }
}

/// Reads one request; nothing if the connection has ended.
pub(super) fn read(from: &mut impl BufRead) -> std::io::Result<Option<Result<Request, Status>>> {
    let mut head = from.take(MOST_BYTES);
    let mut line = String::new();
    // An empty line before a request is tolerated.
    while line.trim().is_empty() {
        line.clear();
        if next(&mut head, &mut line)? == 0 {
            return Ok(None);
        }
    }
    let mut request = match first(&line) {
        Ok(request) => request,
        Err(status) => return Ok(Some(Err(status))),
    };
    loop {
        line.clear();
        if next(&mut head, &mut line)? == 0 {
            let status = if head.limit() == 0 { 431 } else { 400 };
            return Ok(Some(Err(status)));
        }
        let text = line.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            break;
        }
        let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_token(name)) else {
            return Ok(Some(Err(400)));
        };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let hosts = request.headers.iter().filter(|(name, _)| name == "host").count();
    let has_body =
        request.header("transfer-encoding").is_some() || request.header("content-length").is_some_and(|n| n != "0");
    Ok(Some(match () {
        () if hosts != 1 => Err(400),
        () if has_body => Err(413),
        () => Ok(request),
    }))
}

/// A line; bytes that are no text become a line that is none of HTTP.
fn next(head: &mut impl BufRead, line: &mut String) -> std::io::Result<usize> {
    let mut bytes = Vec::new();
    let n = head.read_until(b'\n', &mut bytes)?;
    line.push_str(&String::from_utf8_lossy(&bytes));
    // Cut off in the middle.
    Ok(if bytes.ends_with(b"\n") { n } else { 0 })
}

fn first(line: &str) -> Result<Request, Status> {
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(400);
    };
    let is_old = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ => return Err(505),
    };
    if !target.starts_with('/') {
        return Err(400);
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    Ok(Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), is_old })
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// `bytes=A-B`, `bytes=A-`, `bytes=-N` in a file of `size` bytes: from and to behind the last. Several ranges are not
/// served: the whole is.
pub(super) fn range(header: &str, size: u64) -> Option<Result<std::ops::Range<u64>, Status>> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    if to.contains(',') {
        return None;
    }
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = match (from.trim(), to.trim()) {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (from, "") => number(from)?..size,
        (from, to) => number(from)?..number(to)?.saturating_add(1).min(size),
    };
    Some(if range.start < range.end { Ok(range) } else { Err(416) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Result<Request, Status>> {
        read(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn a_head_is_read_and_nonsense_is_refused() {
        let request = of("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nRANGE:  bytes=0-1 \r\n\r\n").unwrap().unwrap();
        assert_eq!((&*request.method, &*request.path, request.header("range")), ("GET", "/a/b", Some("bytes=0-1")));
        assert!(request.keeps_alive());
        assert!(of("").is_none());
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET / HTTP/2\r\nHost: x\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413),
            ("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: x", 400),
            ("nonsense\r\n\r\n", 400),
        ] {
            assert_eq!(of(text).unwrap().unwrap_err(), status, "{text:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(20_000));
        assert_eq!(of(&long).unwrap().unwrap_err(), 431);
    }

    #[test]
    fn ranges_end_where_the_file_does() {
        assert_eq!(range("bytes=0-9", 100), Some(Ok(0..10)));
        assert_eq!(range("bytes=90-200", 100), Some(Ok(90..100)));
        assert_eq!(range("bytes=90-", 100), Some(Ok(90..100)));
        assert_eq!(range("bytes=-7", 100), Some(Ok(93..100)));
        assert_eq!(range("bytes=100-", 100), Some(Err(416)));
        assert_eq!(range("bytes=5-2", 100), Some(Err(416)));
        for ignored in ["bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=+1-2", "bytes"] {
            assert_eq!(range(ignored, 100), None, "{ignored}");
        }
    }
}
