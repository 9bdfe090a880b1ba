//! A file as one page of HTML that needs nothing else: its tree, its pictures with captions, its plots and attributes.
//!
//! There is no script in it, and its policy allows none; every name and value is escaped.

use super::choice::choose;
use super::graphics::base64;
use super::image_set::{Caption, ImageSet};
use super::object_view::facts;
use super::picture::fitted;
use super::plot::{Plot, is_plottable};
use super::sheet::{Order, bytes_text};
use super::source::{Branch, Kind};
use super::svg::{self, escaped};
use super::table::{self, Place};
use super::text::grouped;
use super::{Opened, class_by_name, png};
use crate::commands::Progress;
use crate::error::Result;
use crate::{Dataset, Object};
use std::fmt::Write;

/// Lines of the tree on the page.
const MOST_LINES: usize = 2_000;
/// Objects that are shown with what is in them.
const MOST_OBJECTS: usize = 200;
/// Plots, which cost most.
const MOST_PLOTS: usize = 60;
/// Rows and columns of a table.
const TABLE: (u64, u64) = (12, 12);
/// A picture's largest side in pixels.
const PICTURE: u32 = 168;
/// The width of a plot.
const PLOT: u32 = 720;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #181b21; --soft: #687; --line: #d9dce3; --card: #f3f4f7; --paper: #fff; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ee; --soft: #98a1b0; --line: #363b46; --card: #1d2129; --paper: #13161b; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1180px; padding: 28px 24px 64px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, Roboto, Helvetica, Arial, sans-serif }
h1 { margin: 0; font-size: 28px } h2 { margin: 44px 0 6px; font-size: 19px; overflow-wrap: anywhere }
p, .soft { margin: 2px 0 12px; color: var(--soft) }
pre { padding: 14px 16px; border-radius: 8px; background: var(--card); overflow: auto; max-height: 60vh; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace }
a { color: inherit }
.bad { color: var(--bad) }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 16px }
figure { margin: 0 } figure img { display: block; width: 100%; height: 150px; object-fit: contain; border-radius: 6px; background: var(--card) }
.pixels { image-rendering: pixelated }
figcaption { font-size: 13px; overflow-wrap: anywhere }
svg { max-width: 100%; height: auto; border-radius: 8px; border: 1px solid var(--line) }
.scroll { overflow-x: auto } table { border-collapse: collapse; margin: 10px 0; font-size: 13px } th { text-align: left; vertical-align: top; padding: 3px 16px 3px 0; font-weight: 600; white-space: nowrap }
td { padding: 3px 16px 3px 0; overflow-wrap: anywhere; vertical-align: top } tr { border-bottom: 1px solid var(--line) }
.number { text-align: right; font-variant-numeric: tabular-nums }
";

/// What the user asked for.
pub(super) struct Wish<'a> {
    /// Pictures of a set.
    pub(super) count: u64,
    pub(super) class: Option<&'a str>,
}

/// The page.
///
/// # Errors
/// The class does not exist, or the user stopped it. What cannot be read says so on the page.
pub(super) fn write(opened: &Opened<'_>, wish: &Wish<'_>, progress: &dyn Progress) -> Result<String> {
    let mut page = Page { html: String::new(), plots: 0 };
    let title = escaped(&opened.title());
    page.add(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    ));
    let bytes = std::fs::metadata(opened.path).ok().map(|m| bytes_text(m.len()));
    let tool = concat!("h5manager ", env!("CARGO_PKG_VERSION"));
    page.add(&format!(
        "<p>{}</p>\n",
        [bytes.as_deref(), Some(tool)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    ));
    let named =
        opened.object.clone().or_else(|| opened.sets.first().filter(|_| opened.named).map(|s| s.path().to_owned()));
    let lines: Vec<Branch> = match &named {
        Some(_) => Vec::new(),
        None => opened.source.tree().take(MOST_LINES + 1).collect(),
    };
    if named.is_none() {
        page.tree(&lines);
    }
    for set in opened.sets.iter().filter(|_| opened.object.is_none()) {
        page.pictures(opened, set, wish, progress)?;
    }
    if let Some(path) = &named {
        page.object(opened, path, None, true, progress)?;
    }
    let is_shown = |line: &&Branch| matches!(line.kind, Kind::Group | Kind::Dataset | Kind::Datatype);
    for line in lines.iter().filter(is_shown).take(MOST_OBJECTS) {
        let is_set = opened.sets.iter().any(|set| set.path() == line.path);
        page.object(opened, &line.path, line.address, !is_set, progress)?;
    }
    let count = lines.iter().filter(is_shown).count();
    if count > MOST_OBJECTS {
        page.add(&format!("<p>{} more objects are not on this page.</p>\n", grouped((count - MOST_OBJECTS) as u64)));
    }
    page.add("</body>\n</html>\n");
    Ok(page.html)
}

struct Page {
    html: String,
    plots: usize,
}

impl Page {
    fn add(&mut self, html: &str) {
        self.html.push_str(html);
    }

    fn error(&mut self, e: &dyn std::fmt::Display) {
        let text = escaped(&e.to_string());
        self.add(&format!("<p class=\"bad\">✕ {text}</p>\n"));
    }

    fn tree(&mut self, lines: &[Branch]) {
        self.add("<pre>");
        for line in lines.iter().take(MOST_LINES) {
            let name = escaped(&line.name);
            let indent = "  ".repeat(line.depth.min(32));
            let (detail, class) =
                (escaped(&line.detail), if line.kind == Kind::Damaged { " class=\"bad\"" } else { "" });
            // Writing to a string does not fail.
            let _ = writeln!(self.html, "{indent}<b{class}>{name}</b>  <span{class}>{detail}</span>");
        }
        if lines.len() > MOST_LINES {
            self.add("…\n");
        }
        self.add("</pre>\n");
    }

    fn pictures(
        &mut self,
        opened: &Opened<'_>,
        set: &ImageSet,
        wish: &Wish<'_>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let order = Order {
            title: opened.title(),
            bytes: None,
            count: wish.count,
            columns: None,
            width: 1600,
            rows: None,
            class: wish.class.map(|name| class_by_name(opened.source, set, name)).transpose()?,
        };
        let choice = choose(opened.source, set, &order, progress)?;
        let counts = choice.census.counts.iter().map(|(class, n)| format!("{} {}", set.class_name(class), grouped(*n)));
        let counts: Vec<String> = counts.take(40).collect();
        self.add(&format!("<h2>{}</h2>\n", escaped(&set.description())));
        let notes = [counts.join(" · "), choice.how.to_owned()];
        let notes = notes.iter().filter(|n| !n.is_empty()).map(|n| escaped(n)).collect::<Vec<_>>().join(" — ");
        self.add(&format!("<p>{notes}</p>\n<div class=\"sheet\">\n"));
        let captions = set.captions(opened.source, &choice.rows);
        let fit = |w: u32, h: u32| if w.max(h) <= PICTURE { (w, h) } else { fitted(w, h, PICTURE, PICTURE, 1.0) };
        let at_once = if set.has_common_scale() { choice.rows.len().max(1) } else { 16 };
        for (rows, captions) in choice.rows.chunks(at_once).zip(captions.chunks(at_once)) {
            super::choice::check(progress)?;
            for (picture, caption) in set.pictures(opened.source, rows, &fit).into_iter().zip(captions) {
                self.add("<figure>");
                match picture.and_then(|p| Ok((png(&p)?, p.width.max(p.height) < 64))) {
                    Ok((png, is_small)) => {
                        let class = if is_small { " class=\"pixels\"" } else { "" };
                        self.add(&format!("<img{class} alt=\"\" src=\"data:image/png;base64,{}\">", base64(&png)));
                    }
                    Err(e) => self.error(&e),
                }
                self.add(&format!("<figcaption>{}</figcaption></figure>\n", caption_html(caption)));
            }
        }
        self.add("</div>\n");
        Ok(())
    }

    /// An object with its facts; with a plot or a table of what is in it where that is wanted.
    fn object(
        &mut self,
        opened: &Opened<'_>,
        path: &str,
        address: Option<u64>,
        with_content: bool,
        progress: &dyn Progress,
    ) -> Result<()> {
        super::choice::check(progress)?;
        self.add(&format!("<h2>{}</h2>\n", escaped(path)));
        let object = match opened.source.object(path, address) {
            Ok(object) => object,
            Err(e) => {
                self.error(&e);
                return Ok(());
            }
        };
        if let Object::Dataset(dataset) = &object
            && with_content
        {
            self.content(&object, dataset);
        }
        self.add("<div class=\"scroll\"><table>\n");
        for (name, text) in facts(&object) {
            let class = if text.starts_with('✕') { " class=\"bad\"" } else { "" };
            self.add(&format!("<tr><th>{}</th><td{class}>{}</td></tr>\n", escaped(&name), escaped(&text)));
        }
        self.add("</table></div>\n");
        Ok(())
    }

    fn content(&mut self, object: &Object, dataset: &Dataset) {
        if is_plottable(dataset) && self.plots < MOST_PLOTS {
            self.plots += 1;
            match Plot::of(object, dataset) {
                Ok(plot) => self.html.push_str(&svg::draw(&plot, PLOT)),
                Err(e) => self.error(&e),
            }
        } else if !dataset.shape().is_empty() && !dataset.is_empty() && !dataset.is_null() {
            self.table(dataset);
        }
    }

    fn table(&mut self, dataset: &Dataset) {
        let rank = dataset.shape().len();
        let is_compound = matches!(dataset.datatype(), crate::datatype::Datatype::Compound { .. });
        let (down, across) = match rank {
            0 | 1 => (0, None),
            _ if is_compound => (rank - 1, None),
            _ => (rank - 2, Some(rank - 1)),
        };
        let place = Place { down, across, index: vec![0; rank], row: 0, column: 0 };
        let table = match table::read(dataset, &place, TABLE) {
            Ok(table) => table,
            Err(e) => return self.error(&e),
        };
        let class = |c: usize| if table.right.get(c).copied().unwrap_or(false) { " class=\"number\"" } else { "" };
        self.add("<div class=\"scroll\"><table>\n<tr><th></th>");
        for (c, head) in table.heads.iter().enumerate() {
            self.add(&format!("<th{}>{}</th>", class(c), escaped(head)));
        }
        self.add("</tr>\n");
        for (row, i) in table.rows.iter().zip(table.first_row..) {
            self.add(&format!("<tr><td class=\"soft\">{i}</td>"));
            for (c, text) in row.iter().enumerate() {
                self.add(&format!("<td{}>{}</td>", class(c), escaped(text)));
            }
            self.add("</tr>\n");
        }
        self.add("</table></div>\n");
        let rows = dataset.shape().get(down).copied().unwrap_or(0);
        if rows > TABLE.0 {
            self.add(&format!("<p>the first {} of {} rows</p>\n", TABLE.0, grouped(rows)));
        }
    }
}

/// `12 · hot_dog · 0001.jpg`
fn caption_html(caption: &Caption) -> String {
    let mut text = format!("<b>{}</b>", caption.index);
    for part in [&caption.class_name, &caption.name] {
        if !part.is_empty() {
            text.push_str(&format!(" · {}", escaped(part)));
        }
    }
    text
}
