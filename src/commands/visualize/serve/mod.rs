//! The page in the browser: a server for it and for one file, on this machine.
//!
//! Whoever does not know the token in the address gets nothing, nor does a page of another site that the same browser shows
//! ([`answer`] checks token, host and origin). The file is opened anew for each request, so that the page notices when it
//! becomes another one. Files that it may lead to are had by their names, where the user's `--external` allows it.
//! Connections are bounded in number, and each in what it may wait for ([`patience`]).

mod answer;
mod browser;
mod page;
mod patience;
mod request;

pub(super) use browser::can_open;

use super::{Outcome, Progress, printable};
use crate::External;
use crate::error::{Error, Result};
use crate::io::FileSource;
use answer::Site;
use patience::Patient;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections at a time; a browser opens six.
const MOST_CONNECTIONS: usize = 64;
/// How often it is asked whether the user has had enough.
const POLL: Duration = Duration::from_millis(50);

/// Where and how the page is served.
#[derive(Debug)]
pub(super) struct Serving<'a> {
    pub(super) file: &'a Path,
    /// Which other files may be had, as the user said; nothing if he did not.
    pub(super) external: Option<External>,
    /// The path of the object in it that is shown first.
    pub(super) inside: Option<&'a str>,
    /// An address of this machine; the loopback if none is given.
    pub(super) host: Option<&'a str>,
    /// Any free one if none is given.
    pub(super) port: Option<u16>,
    /// Whether a browser is opened.
    pub(super) opens: bool,
}

impl Serving<'_> {
    /// Serves until the user stops it. The address goes to `out` as soon as it is known.
    pub(super) fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        // Fails here and not in the browser, if there is no such file.
        FileSource::open(self.file)?;
        let host = self.host.unwrap_or("127.0.0.1");
        let listener = TcpListener::bind((host, self.port.unwrap_or(0))).map_err(|e| {
            let port = self.port.map_or_else(String::new, |p| format!(":{p}"));
            Error::from(e).on(format!("{host}{port}"))
        })?;
        let address = listener.local_addr()?;
        // Where others may come, the user must have said that they may have more than this file.
        let unsaid = if address.ip().is_loopback() { External::OwnFolder } else { External::Deny };
        let external = self.external.clone().unwrap_or(unsaid);
        let also = match &external {
            External::Deny => "",
            External::Any => ", and whatever you can read",
            External::OwnFolder | External::Beneath(_) => ", and those that --external allows",
        };
        let site = Arc::new(Site::new(self.file, token()?, address, self.host)?.with_others(external));
        let url = site.url(self.inside);
        if !address.ip().is_loopback() {
            progress.notice(&format!(
                "warning: whoever reaches port {} of this machine and has the address below can read the file{also}; nothing \
                 is encrypted on the way",
                address.port()
            ));
        }
        writeln!(out, "{} at {url}", printable(&self.file.display().to_string()))?;
        out.flush()?;
        if self.opens && !browser::open(&url) {
            progress.notice("no browser could be started; open the address above in one");
        }
        progress.notice("Ctrl-C ends it");
        accept(&listener, &site, progress)?;
        Ok(Outcome::Fine)
    }
}

/// 128 bits that nobody can guess, as text.
fn token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(crate::ErrorKind::Io, format!("the system gives no random numbers: {e}")))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn accept(listener: &TcpListener, site: &Arc<Site>, progress: &dyn Progress) -> Result<()> {
    listener.set_nonblocking(true)?;
    let open = Arc::new(AtomicUsize::new(0));
    while !progress.stopped() {
        let Ok((stream, _)) = listener.accept() else {
            // Nobody is there, or has gone again.
            std::thread::sleep(POLL);
            continue;
        };
        if open.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (site, busy) = (site.clone(), open.clone());
        let thread = std::thread::Builder::new().spawn(move || {
            // A browser that goes away is no error.
            let _ = converse(&stream, &site);
            busy.fetch_sub(1, Ordering::SeqCst);
        });
        if thread.is_err() {
            open.fetch_sub(1, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// All requests of one connection.
fn converse(stream: &TcpStream, site: &Site) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let patient = Patient::new(stream);
    let mut reader = BufReader::new(&patient);
    let mut writer = &patient;
    let mut is_known = false;
    loop {
        patient.wait_for_request(is_known);
        let read = request::read(&mut reader)?;
        let Some(request) = read else {
            return Ok(());
        };
        let goes_on = match request {
            Ok(request) => site.answer(&request, &mut writer)? && request.keeps_alive(),
            Err(status) => {
                answer::refuse_and_close(status, &mut writer)?;
                false
            }
        };
        if !goes_on {
            return Ok(());
        }
        is_known = true;
    }
}

#[cfg(test)]
mod tests;
