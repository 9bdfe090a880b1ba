//! What is answered: the page, the bytes of one file, and those of the files that it may lead to.

use super::page::{self, Asset};
use super::request::{Request, Status, range};
use crate::error::{ErrorKind, Result};
use crate::io::{FileSource, Neighbours, Search, Source};
use crate::object::members;
use crate::{Error, External};
use std::fs::Metadata;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Nothing but what this server sends runs or is loaded, and no other site may show it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self'; connect-src 'self' blob: data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer says.
const ALWAYS: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n";

/// Bytes of a file that are read at a time.
const PIECE: usize = 256 << 10;

/// What is served.
#[derive(Debug)]
pub(super) struct Site {
    file: PathBuf,
    /// Which other files may be had.
    external: External,
    token: String,
    address: SocketAddr,
    /// What the user calls this machine, if he said so.
    host: Option<String>,
}

impl Site {
    pub(super) fn new(file: &Path, token: String, address: SocketAddr, host: Option<&str>) -> Result<Site> {
        // The working folder may change; what a link leads to is what the link leads to then.
        let file = std::path::absolute(file)?;
        Ok(Site { file, external: External::Deny, token, address, host: host.map(str::to_owned) })
    }

    /// The same, where other files may be had, too.
    pub(super) fn with_others(self, external: External) -> Site {
        Site { external, ..self }
    }

    /// Where the page shows the file, or an object in it.
    pub(super) fn url(&self, inside: Option<&str>) -> String {
        let host = match (self.address.ip(), &self.host) {
            (IpAddr::V6(ip), None) => format!("[{ip}]"),
            (ip, None) => ip.to_string(),
            (ip, Some(_)) if ip.is_unspecified() => "127.0.0.1".into(),
            (_, Some(host)) if host.contains(':') => format!("[{host}]"),
            (_, Some(host)) => host.clone(),
        };
        let place =
            inside.map_or_else(String::new, |path| format!("#/{}", encoded(path.trim_start_matches('/'), true)));
        let (port, token) = (self.address.port(), &self.token);
        format!("http://{host}:{port}/{token}/?file=files/{}{place}", encoded(&encoded(&self.name(), false), false))
    }

    fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Answers a request; whether the connection can go on.
    pub(super) fn answer(&self, request: &Request, out: &mut impl Write) -> std::io::Result<bool> {
        // Who is refused here may be anybody, and holds no connection.
        if let Err(status) = self.check(request) {
            return refuse_and_close(status, out).map(|()| false);
        }
        let path = request.path.strip_prefix('/').unwrap_or_default();
        let (token, place) = path.split_once('/').map_or((path, None), |(token, place)| (token, Some(place)));
        if !is_same(token, &self.token) {
            return refuse_and_close(404, out).map(|()| false);
        }
        let Some(place) = place else {
            return redirect(&format!("/{}/", self.token), out).map(|()| true);
        };
        for (folder, search) in [("files/", Search::Hdf5), ("raw/", Search::RawData)] {
            if let Some(name) = place.strip_prefix(folder) {
                return self.answer_file(request, name, search, out);
            }
        }
        match page::find(if place.is_empty() { "index.html" } else { place }) {
            Some(asset) => send_asset(request, &asset, out).map(|()| true),
            None => refuse(404, out).map(|()| true),
        }
    }

    /// Who asks must be a page that this server sent, or the user himself.
    fn check(&self, request: &Request) -> Result<(), Status> {
        if !matches!(&*request.method, "GET" | "HEAD") {
            return Err(405);
        }
        let host = request.header("host").unwrap_or_default();
        if !self.is_own(host) {
            return Err(403);
        }
        let is_other = |origin: &str| origin != format!("http://{host}");
        let is_cross = request.header("sec-fetch-site").is_some_and(|s| matches!(s, "cross-site" | "same-site"));
        if request.header("origin").is_some_and(is_other) || is_cross {
            return Err(403);
        }
        Ok(())
    }

    /// Whether a name with its port is one of this machine as the user knows it: any other name was made to lead here.
    fn is_own(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else {
            return false;
        };
        if port.parse() != Ok(self.address.port()) {
            return false;
        }
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if self.address.ip().is_loopback() && self.host.is_none() {
            return name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost");
        }
        let is_local = name.eq_ignore_ascii_case("localhost");
        is_local || name.parse::<IpAddr>().is_ok() || self.host.as_deref().is_some_and(|h| h.eq_ignore_ascii_case(name))
    }

    /// Sends the file, or another one, by the name by which the file leads to it.
    fn answer_file(
        &self,
        request: &Request,
        name: &str,
        search: Search,
        out: &mut impl Write,
    ) -> std::io::Result<bool> {
        let Some(name) = decoded(name) else {
            return refuse(404, out).map(|()| true);
        };
        let is_first = search == Search::Hdf5 && name == self.name().as_bytes();
        let opened = match is_first {
            true => FileSource::open(&self.file).map(Some),
            false => self.other(&name, search),
        };
        match opened {
            Ok(Some(file)) => send_file(request, &file, out),
            Ok(None) => refuse(404, out).map(|()| true),
            Err(_) if is_first => refuse(410, out).map(|()| true),
            Err(e) => refuse_because(&e, out).map(|()| true),
        }
    }

    /// Another file, if there is one and it may be read.
    fn other(&self, name: &[u8], search: Search) -> Result<Option<FileSource>> {
        // Looked for anew each time: what was allowed may have become a link that leads out.
        let Some((neighbours, _)) = Neighbours::of(&self.file, &self.external)? else {
            return Ok(None);
        };
        let found = neighbours.find(name, search);
        if let Err(e) = &found
            && (e.kind(), search) == (ErrorKind::Denied, Search::Hdf5)
            && let Some(part) = std::str::from_utf8(name).ok().and_then(|name| members::part(&self.file, name))
        {
            // The other parts of a file that is split are that file, whatever it may lead to.
            return FileSource::open(part).map(Some);
        }
        found?.map(|found| found.open_file()).transpose()
    }
}

fn send_file(request: &Request, file: &FileSource, out: &mut impl Write) -> std::io::Result<bool> {
    let Ok(metadata) = file.as_file().metadata() else {
        return refuse(410, out).map(|()| true);
    };
    let (size, tag) = (metadata.len(), tag(&metadata));
    if request.header("if-none-match").is_some_and(|t| t == tag || t == "*") {
        write!(out, "HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n{ALWAYS}\r\n")?;
        return out.flush().map(|()| true);
    }
    let same = request.header("if-range").is_none_or(|t| t == tag);
    let wanted = request.header("range").filter(|_| same).and_then(|header| range(header, size));
    let (status, part) = match wanted {
        None => ("200 OK", 0..size),
        Some(Ok(part)) => ("206 Partial Content", part),
        Some(Err(_)) => {
            write!(out, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\n")?;
            write!(out, "Content-Length: 0\r\nETag: {tag}\r\n{ALWAYS}\r\n")?;
            return out.flush().map(|()| true);
        }
    };
    write!(out, "HTTP/1.1 {status}\r\nContent-Type: application/x-hdf5\r\nAccept-Ranges: bytes\r\nETag: {tag}\r\n")?;
    if status.starts_with("206") {
        write!(out, "Content-Range: bytes {}-{}/{size}\r\n", part.start, part.end - 1)?;
    }
    // The page may ask for other files by any name that a file has for them.
    write!(out, "H5manager-Others: by-name\r\nContent-Length: {}\r\n{ALWAYS}\r\n", part.end - part.start)?;
    let whole = request.method == "HEAD" || copy(file, part, out)?;
    out.flush()?;
    // A file that has become shorter meanwhile: only a closed connection says so.
    Ok(whole)
}

/// Whether all of it was there.
pub(super) fn copy(file: &FileSource, part: Range<u64>, out: &mut impl Write) -> std::io::Result<bool> {
    let mut buffer = vec![0; PIECE];
    let mut at = part.start;
    while at < part.end {
        let most = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        if file.read_at(at, piece).is_err() {
            return Ok(false);
        }
        out.write_all(piece)?;
        at += most as u64;
    }
    Ok(true)
}

/// Whether two texts are the same, found out in a time that does not tell where they differ.
fn is_same(given: &str, secret: &str) -> bool {
    let differences = given.bytes().zip(secret.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == secret.len() && std::hint::black_box(differences) == 0
}

/// Another one for each size and time of the file.
fn tag(metadata: &Metadata) -> String {
    let time = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("\"{:x}-{:x}\"", metadata.len(), time.as_nanos())
}

fn send_asset(request: &Request, asset: &Asset, out: &mut impl Write) -> std::io::Result<()> {
    let takes_gzip = request.header("accept-encoding").is_some_and(|codings| codings.contains("gzip"));
    let (encoding, body) = match takes_gzip {
        true => ("Content-Encoding: gzip\r\n", asset.gzip.into()),
        false => ("", asset.plain()?),
    };
    write!(out, "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n", asset.mime, body.len())?;
    write!(out, "{encoding}Vary: Accept-Encoding\r\nContent-Security-Policy: {POLICY}\r\n{ALWAYS}\r\n")?;
    if request.method != "HEAD" {
        out.write_all(&body)?;
    }
    out.flush()
}

fn redirect(to: &str, out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 308 Permanent Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n{ALWAYS}\r\n")?;
    out.flush()
}

/// Says what is wrong with another file.
fn refuse_because(error: &Error, out: &mut impl Write) -> std::io::Result<()> {
    let reason = match error.kind() {
        ErrorKind::Denied => "403 Forbidden",
        ErrorKind::NotFound => "404 Not Found",
        _ => "409 Conflict",
    };
    let text = error.to_string();
    write!(out, "HTTP/1.1 {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n", text.len())?;
    write!(out, "{ALWAYS}\r\n{text}")?;
    out.flush()
}

/// Says no.
fn refuse(status: Status, out: &mut impl Write) -> std::io::Result<()> {
    refuse_with(status, "", out)
}

/// Says no, and that nothing more is answered here.
pub(super) fn refuse_and_close(status: Status, out: &mut impl Write) -> std::io::Result<()> {
    refuse_with(status, "Connection: close\r\n", out)
}

fn refuse_with(status: Status, also: &str, out: &mut impl Write) -> std::io::Result<()> {
    let reason = match status {
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    };
    write!(out, "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n", reason.len() + 1)?;
    write!(out, "{also}{ALWAYS}\r\n{reason}\n")?;
    out.flush()
}

/// A text as a part of a URL; slashes stay where `slashes` says so.
fn encoded(text: &str, slashes: bool) -> String {
    let mut url = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (slashes && b == b'/') {
            url.push(char::from(b));
        } else {
            url.push_str(&format!("%{b:02X}"));
        }
    }
    url
}

/// What [`encoded`] came from, as bytes; nothing where it is no such text.
fn decoded(url: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (hex, behind) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = behind;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(address: &str, host: Option<&str>) -> Site {
        Site::new(Path::new("/data/my run#1.h5"), "t0k".into(), address.parse().unwrap(), host).unwrap()
    }

    #[test]
    fn the_address_names_file_and_object_whatever_they_are_called() {
        let url = site("127.0.0.1:80", None).url(Some("/a b/c"));
        assert_eq!(url, "http://127.0.0.1:80/t0k/?file=files/my%2520run%25231.h5#/a%20b/c");
        assert_eq!(decoded("my%20run%231.h5").unwrap(), b"my run#1.h5");
        assert!(decoded("a%2").is_none() && decoded("a%zz").is_none());
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        let local = site("127.0.0.1:80", None);
        assert!(local.is_own("127.0.0.1:80") && local.is_own("localhost:80"));
        for other in ["127.0.0.1", "127.0.0.1:81", "evil.example:80", "127.0.0.1.evil.example:80", "10.0.0.1:80", ""] {
            assert!(!local.is_own(other), "{other}");
        }
        let open = site("0.0.0.0:80", Some("0.0.0.0"));
        assert!(open.is_own("10.0.0.1:80") && !open.is_own("evil.example:80"));
        assert!(site("10.0.0.1:80", Some("lab.example")).is_own("lab.example:80"));
    }
}
