//! The page as the build script put it here: the files of `web/dist`, compressed.

use std::borrow::Cow;
use std::io::Read;

/// A file of the page.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) mime: &'static str,
    pub(super) gzip: &'static [u8],
}

// `const ASSETS: &[(&str, &[u8])]`, by name.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The file of this name, as it is below `web/dist`.
pub(super) fn find(name: &str) -> Option<Asset> {
    let place = ASSETS.binary_search_by_key(&name, |(n, _)| n).ok()?;
    let (_, gzip) = ASSETS.get(place)?;
    let mime = match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    };
    Some(Asset { mime, gzip })
}

impl Asset {
    /// For who does not take gzip.
    pub(super) fn plain(&self) -> std::io::Result<Cow<'static, [u8]>> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(self.gzip).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_here_with_its_engine() {
        let page = find("index.html").unwrap();
        assert!(String::from_utf8_lossy(&page.plain().unwrap()).contains("<script"));
        assert!(find("assets/engine.wasm").unwrap().plain().unwrap().starts_with(b"\0asm"));
        assert!(find("nothing").is_none() && find("../index.html").is_none());
    }
}
