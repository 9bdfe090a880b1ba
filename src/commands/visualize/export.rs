//! What `--export` writes, by the suffix: a contact sheet or a plot as PNG, a plot as SVG, a page of HTML.

use super::page::{self, Wish};
use super::plot::{Plot, is_plottable};
use super::source::Kind;
use super::{Opened, Visualize, list, plot_png, png, printable, sheet, svg};
use crate::commands::{Progress, output};
use crate::error::{Error, Result};
use crate::io::{StagedFile, Store};
use crate::{Dataset, Object};
use std::path::Path;

/// Lines of the tree among which datasets to plot are looked for.
const LOOKED_AT: usize = 10_000;

/// What a suffix stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Svg,
    Html,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        let suffix = path.extension()?.to_str()?.to_ascii_lowercase();
        match suffix.as_str() {
            "png" => Some(Format::Png),
            "svg" => Some(Format::Svg),
            "html" | "htm" => Some(Format::Html),
            _ => None,
        }
    }
}

/// Refuses before any work what could not be written after it.
pub(super) fn check_output(path: &Path, overwrite: bool) -> Result<()> {
    if Format::of(path).is_none() {
        let example = path.with_extension("png");
        let what = "a contact sheet or a plot is a .png, a plot also an .svg, a page of the file an .html";
        return Err(Error::invalid(format!("{what}; write for example --export {}", example.display())));
    }
    output::check(path, overwrite)
}

impl Visualize {
    /// Writes what the suffix of `path` stands for.
    pub(super) fn write_export(&self, opened: &Opened<'_>, path: &Path, progress: &dyn Progress) -> Result<()> {
        let bytes = match Format::of(path) {
            Some(Format::Svg) => {
                let (object, dataset) = plotted(opened)?;
                svg::draw(&Plot::of(&object, &dataset)?, self.width).into_bytes()
            }
            Some(Format::Html) => {
                let wish =
                    Wish { count: u64::from(self.count.unwrap_or(super::ON_A_SHEET)), class: self.class.as_deref() };
                page::write(opened, &wish, progress)?.into_bytes()
            }
            _ if opened.object.is_none() && !opened.sets.is_empty() => return self.write_sheet(opened, path, progress),
            _ => {
                let (object, dataset) = plotted(opened)?;
                png(&plot_png::draw(&Plot::of(&object, &dataset)?, &sheet::fonts()?, self.width))?
            }
        };
        publish(path, self.overwrite, &bytes)
    }
}

/// Puts a whole file in its place.
pub(super) fn publish(path: &Path, overwrite: bool, bytes: &[u8]) -> Result<()> {
    output::make_parents(path)?;
    let staged = StagedFile::create(path, overwrite)?;
    staged.write_at(0, bytes)?;
    staged.publish()
}

/// The dataset to plot: the one that was named, or the only one that can be plotted.
fn plotted(opened: &Opened<'_>) -> Result<(Object, Dataset)> {
    let named = opened.object.as_deref().or(opened.sets.first().map(|set| set.path()).filter(|_| opened.named));
    if let Some(path) = named {
        return match opened.source.object(path, None)? {
            object @ Object::Dataset(_) => with_dataset(object),
            _ => Err(Error::mismatch(format!("{} is no dataset; {}", printable(path), candidates(opened)))),
        };
    }
    let mut found = plottable(opened);
    match (found.next(), found.next()) {
        (Some((_, object)), None) => with_dataset(object),
        (None, _) => Err(nothing_to_show(opened)),
        _ => Err(Error::not_found(format!("name the dataset to plot as FILE::/PATH; {}", candidates(opened)))),
    }
}

fn nothing_to_show(opened: &Opened<'_>) -> Error {
    let file = opened.path.display();
    let what = format!("no pictures were recognised in {file}, and no dataset of it can be plotted");
    Error::not_found(format!("{what}; `h5manager ls {file}` shows what it holds"))
}

fn with_dataset(object: Object) -> Result<(Object, Dataset)> {
    match object.clone() {
        Object::Dataset(dataset) => Ok((object, dataset)),
        _ => Err(Error::mismatch(format!("{} is no dataset", printable(object.path())))),
    }
}

fn candidates(opened: &Opened<'_>) -> String {
    list(plottable(opened).map(|(path, _)| printable(&path).into_owned()), "datasets that can be plotted")
}

fn plottable<'a>(opened: &'a Opened<'_>) -> impl Iterator<Item = (String, Object)> + 'a {
    let datasets = opened.source.tree().take(LOOKED_AT).filter(|line| line.kind == Kind::Dataset);
    datasets.filter_map(|line| {
        let object = opened.source.object(&line.path, line.address).ok()?;
        let fits = matches!(&object, Object::Dataset(dataset) if is_plottable(dataset));
        fits.then_some((line.path, object))
    })
}
