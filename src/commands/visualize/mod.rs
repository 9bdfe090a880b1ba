//! `visualize`: a file for the eyes. In the browser the page that [`serve`] serves, on a terminal the tree of the file and
//! its pictures, with `--export` a contact sheet, into a pipe the tree as text.
//!
//! From the file to the screen: `image_set` finds pictures, labels and names, [`hdf5`] the lines of the
//! tree; [`image_set`] reads rows; [`picture`] and [`decode`] make RGB of them. [`viewer`] turns
//! keys into states, [`draw`] states into screens of [`cells`], [`frame`] screens into bytes, [`terminal`]
//! holds the terminal. Other objects: [`numbers`] reads what a plot needs and [`table`] what a table needs,
//! [`object_view`] is the state, [`object_draw`] and [`plot_view`] the screen; [`graphics`] sends real pixels.
//! [`export`] writes files: [`sheet`] draws the contact sheet with [`paint`], [`plot`] a plot, [`page`] a page.

mod cells;
mod choice;
mod colour_map;
mod decode;
mod draw;
mod export;
mod frame;
pub mod graphics;
mod grid;
mod hdf5;
mod image_set;
mod labels;
mod legend;
mod numbers;
mod object_draw;
mod object_view;
mod overlay;
mod page;
mod paint;
mod palette;
mod picture;
mod plot;
mod plot_png;
mod plot_view;
#[cfg(feature = "viewer")]
mod serve;
mod sheet;
mod source;
mod svg;
mod table;
mod terminal;
mod text;
mod ticks;
mod tree_pane;
mod viewer;
mod work;

pub(crate) use terminal::{has_terminal, restore_terminal};
pub(crate) use text::printable;

use super::image_set::{find::find, hdf5::Hdf5};
use super::ls::{self, split_path};
use super::{Command, Outcome, Progress, open::Opening};
use crate::error::{Error, Result};
use crate::object::members;
use cells::Depth;
use export::{check_output, publish};
use image::ImageEncoder;
use image_set::{Class, ImageSet};
use picture::Picture;
use source::{Browse, Source};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use viewer::{Look, Viewer};

/// Pictures on a page of the terminal.
const ON_A_PAGE: u16 = 12;
/// Pictures on a contact sheet.
const ON_A_SHEET: u16 = 48;

/// Shows a file: its tree, and its pictures if it holds any.
///
/// The browser opens with a page that this program serves on 127.0.0.1 until Ctrl-C: the address holds a random token, and
/// nothing but this file, and those that it leads to and --external allows, can be had there (with --host only if
/// --external is given). Over ssh, and where there is no browser, a view opens in the terminal instead
/// (--tui asks for it): the tree on the left, captioned pictures on the right (keys: n next, p previous, g go to
/// a row, / search, c class, Enter full size, q quit, ? all of them), and every other object as a line, heat map, table or
/// its attributes. Into a pipe the tree is printed. With --export a contact sheet, a plot or a page is written.
///
/// Image sets are recognised by the HDF5 Image attributes, else by shape and type, else by JPEG or PNG files in the
/// rows. Labels, class names and file names beside them become captions. Only what is shown is read.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager visualize merged.h5
  h5manager visualize run.h5::/detector/counts
  h5manager visualize merged.h5 --tui
  h5manager visualize merged.h5 --no-open --port 8000   (far away: ssh -L 8000:localhost:8000 HOST)
  h5manager visualize merged.h5 --export sheet.png
  h5manager visualize merged.h5 --export dogs.png --class hot_dog --count 100 --columns 10
  h5manager visualize coursera.h5::/test_set_x
  h5manager visualize run.h5::/detector/counts --export plot.svg
  h5manager visualize run.h5 --export page.html
  h5manager visualize merged.h5 | less")]
pub struct Visualize {
    /// The file, or FILE::/PATH for one object in it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The view in the terminal, not in the browser.
    #[arg(long, conflicts_with = "export")]
    pub tui: bool,

    /// Serve the page and say where; open no browser.
    #[cfg(feature = "viewer")]
    #[arg(long, conflicts_with_all = ["export", "tui"])]
    pub no_open: bool,

    /// The port of the page [default: any free one].
    #[cfg(feature = "viewer")]
    #[arg(long, value_name = "PORT", conflicts_with_all = ["export", "tui"])]
    pub port: Option<u16>,

    /// The address of this machine on which the page is served [default: 127.0.0.1]. With another one, everybody who
    /// reaches it and knows the page's address can read the file.
    #[cfg(feature = "viewer")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["export", "tui"])]
    pub host: Option<String>,

    /// Write a file instead of opening the view: by its suffix a contact sheet or a plot (.png), a plot (.svg), a page
    /// with everything (.html).
    ///
    /// A contact sheet of an image set; of other numbers a line or a heat map with axes. If not all pictures fit, each class gets an equal part of the sheet, and pictures are taken evenly from its
    /// first row to its last.
    #[arg(long, value_name = "OUT.png|svg|html")]
    pub export: Option<PathBuf>,

    /// Replace the file if it exists.
    #[arg(long, requires = "export")]
    pub overwrite: bool,

    /// Pictures on a page of the terminal (12 if there is room), or on the sheet (48).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub count: Option<u16>,

    /// Only pictures of this class, by its name or number.
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,

    /// The rows A to B-1 on the sheet; on the terminal the page begins at row A.
    #[arg(long, value_name = "A:B")]
    pub rows: Option<Rows>,

    /// Columns of the sheet [default: what suits the number of pictures].
    #[arg(long, value_name = "N", requires = "export", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub columns: Option<u32>,

    /// Width of the sheet or plot in pixels.
    #[arg(long, value_name = "PIXELS", requires = "export", default_value_t = 1600)]
    #[arg(value_parser = clap::value_parser!(u32).range(400..=16_000))]
    pub width: u32,

    /// How the terminal view shows pictures.
    #[arg(long, value_name = "WAY", value_enum, default_value_t, conflicts_with = "export")]
    pub graphics: graphics::Choice,

    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

/// A range of rows as it is written on the command line: `3:8`, `3:`, `:8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The first row.
    pub start: u64,
    /// The row after the last; the end of the set if not given.
    pub end: Option<u64>,
}

impl FromStr for Rows {
    type Err = String;

    fn from_str(text: &str) -> Result<Rows, String> {
        let wanted = || "write a range of rows as A:B, for example 100:148".to_owned();
        let (start, end) = text.split_once(':').ok_or_else(wanted)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| wanted());
        let start = if start.is_empty() { 0 } else { number(start)? };
        let end = if end.is_empty() { None } else { Some(number(end)?) };
        match end {
            Some(end) if end <= start => Err(format!("there are no rows from {start} to {end}; {}", wanted())),
            _ => Ok(Rows { start, end }),
        }
    }
}

impl Command for Visualize {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        if let Some(sheet) = &self.export {
            check_output(sheet, self.overwrite)?;
        }
        let (path, inside) = split_path(&self.file);
        // A family that is named by its pattern goes by the name of its first file.
        let path = members::first_of(&path).unwrap_or(path);
        #[cfg(feature = "viewer")]
        if let Some(serving) = self.serving(&path, inside.as_deref(), progress) {
            // Says what is wrong with the file here, not in the browser.
            let opened = self.opening.open(&path)?;
            if let Some(inside) = &inside {
                opened.object(inside).map_err(|e| e.on(inside))?;
            }
            return serving.run(out, progress);
        }
        match &self.export {
            None if !terminal::is_there() => ls::tree(&self.opening.open(&path)?, &path, out)?,
            None => self.show(&Opened::new(&Hdf5::open(&self.opening, &path)?, &path, inside)?, out, progress)?,
            Some(sheet) => {
                self.write_export(&Opened::new(&Hdf5::open(&self.opening, &path)?, &path, inside)?, sheet, progress)?;
            }
        }
        Ok(Outcome::Fine)
    }
}

/// A file that is being shown.
struct Opened<'a> {
    source: &'a dyn Browse,
    path: &'a Path,
    /// All of them, or the one that was asked for.
    sets: Vec<ImageSet>,
    /// The object that was asked for, if it is no image set.
    object: Option<String>,
    /// An object of the file was asked for.
    named: bool,
}

impl<'a> Opened<'a> {
    fn new(source: &'a dyn Browse, path: &'a Path, wanted: Option<String>) -> Result<Opened<'a>> {
        let mut sets = find(source)?;
        let Some(wanted) = wanted else {
            return Ok(Opened { source, path, sets, object: None, named: false });
        };
        let is_wanted = |set: &ImageSet| set.path().trim_matches('/') == wanted.trim_matches('/');
        if sets.iter().any(is_wanted) {
            sets.retain(is_wanted);
            return Ok(Opened { source, path, sets, object: None, named: true });
        }
        // Says now that there is none.
        source.object(&wanted, None)?;
        Ok(Opened { source, path, sets, object: Some(wanted), named: true })
    }

    /// The name of the file, fit for a screen.
    fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        printable(&name.to_string_lossy()).into_owned()
    }

    fn first_set(&self) -> Result<&ImageSet> {
        let file = self.path.display();
        if let Some(object) = &self.object {
            let there = list(self.sets.iter().map(|set| printable(set.path()).into_owned()), "image sets");
            return Err(Error::not_found(format!("{} is no image set; {there}", printable(object))));
        }
        let none = || {
            let what = format!("no pictures were recognised in {file}");
            Error::not_found(format!("{what}; `h5manager ls {file}` shows what it holds"))
        };
        self.sets.first().ok_or_else(none)
    }
}

impl Visualize {
    /// How the page is to be served; nothing if the terminal, a pipe or a sheet is meant.
    #[cfg(feature = "viewer")]
    fn serving<'a>(
        &'a self,
        file: &'a Path,
        inside: Option<&'a str>,
        progress: &dyn Progress,
    ) -> Option<serve::Serving<'a>> {
        let serving = |opens| serve::Serving {
            file,
            external: self.opening.external.clone().map(|reach| reach.0),
            inside,
            host: self.host.as_deref(),
            port: self.port,
            opens,
        };
        let asked = self.no_open || self.port.is_some() || self.host.is_some();
        let of_terminal = self.tui
            || self.graphics != graphics::Choice::Auto
            || self.class.is_some()
            || self.rows.is_some()
            || self.count.is_some();
        if self.export.is_some() || (of_terminal && !asked) || (!asked && !terminal::is_there()) {
            return None;
        }
        let can_open = serve::can_open();
        if !asked && !can_open {
            progress
                .notice("no browser here: this is the view in the terminal (--no-open serves the page all the same)");
            return None;
        }
        Some(serving(can_open && !self.no_open))
    }

    fn show(&self, opened: &Opened<'_>, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<()> {
        let look = Look {
            count: self.count.unwrap_or(ON_A_PAGE),
            depth: Depth::of_environment(),
            cell_aspect: terminal::cell_aspect(),
            graphics: graphics::Graphics::find(self.graphics),
        };
        let mut viewer = Viewer::new(opened.source, opened.title(), opened.sets.clone(), look);
        if let Some(name) = &self.class {
            viewer.show_class(class_by_name(opened.source, opened.first_set()?, name)?);
        }
        if let Some(rows) = self.rows {
            viewer.go_to(within(rows, opened.first_set()?)?.start);
        }
        if let Some(object) = &opened.object {
            viewer.show_path(object);
        }
        let mut console = terminal::Terminal::open(out, look.depth, look.graphics.protocol)?;
        terminal::run(&mut viewer, &mut console, &|| progress.stopped())
    }

    fn write_sheet(&self, opened: &Opened<'_>, path: &Path, progress: &dyn Progress) -> Result<()> {
        let (source, set) = (opened.source, opened.first_set()?);
        let order = sheet::Order {
            title: opened.title(),
            bytes: std::fs::metadata(opened.path).ok().map(|m| m.len()),
            count: u64::from(self.count.unwrap_or(ON_A_SHEET)),
            columns: self.columns,
            width: self.width,
            rows: self.rows.map(|rows| within(rows, set)).transpose()?,
            class: self.class.as_deref().map(|name| class_by_name(source, set, name)).transpose()?,
        };
        let sheet = sheet::draw(source, set, &order, progress)?;
        publish(path, self.overwrite, &png(&sheet)?)
    }
}

fn within(rows: Rows, set: &ImageSet) -> Result<std::ops::Range<u64>> {
    let end = rows.end.unwrap_or(set.rows()).min(set.rows());
    if rows.start >= end {
        return Err(Error::not_found(format!(
            "there are no rows from {} on; the last is {}",
            rows.start,
            set.rows().saturating_sub(1)
        )));
    }
    Ok(rows.start..end)
}

fn class_by_name(source: &dyn Source, set: &ImageSet, name: &str) -> Result<Class> {
    let classes = set.known_classes(source)?;
    let number = name.parse().ok().map(Class::Number);
    let found = classes.iter().find(|class| set.class_name(class) == name);
    if let Some(class) = found.or_else(|| classes.iter().find(|&class| Some(class) == number.as_ref())) {
        return Ok(class.clone());
    }
    let there = list(classes.iter().map(|class| set.class_name(class)), "classes");
    Err(Error::not_found(format!("no picture is of the class {name}; {there}")))
}

/// `there are: a, b, c`, or that there are none; of many the first.
fn list(names: impl Iterator<Item = String>, what: &str) -> String {
    let mut names: Vec<String> = names.take(11).collect();
    if let Some(eleventh) = names.get_mut(10) {
        *eleventh = "…".to_owned();
    }
    if names.is_empty() { format!("there are no {what}") } else { format!("there are: {}", names.join(", ")) }
}

fn png(picture: &Picture) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(picture.rgb(), picture.width, picture.height, image::ExtendedColorType::Rgb8)
        .map_err(|e| Error::invalid(format!("the sheet cannot be encoded: {e}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::source::memory::photos;
    use super::*;
    use crate::commands::Silent;
    use crate::error::ErrorKind;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        command: Visualize,
    }

    fn command(arguments: &str) -> Result<Visualize, clap::Error> {
        let words = std::iter::once("visualize").chain(arguments.split_whitespace());
        <Line as clap::Parser>::try_parse_from(words).map(|line| line.command)
    }

    #[test]
    fn the_options_are_consistent() {
        <Line as clap::CommandFactory>::command().debug_assert();
        let asked = command("a.h5::/x --export s.png --rows 3:8 --class dog").unwrap();
        assert_eq!(asked.rows, Some(Rows { start: 3, end: Some(8) }));
        assert!(command("a.h5 --overwrite").is_err());
        assert!(command("a.h5 --export s.png --width 3").is_err());
    }

    #[test]
    fn a_range_that_makes_no_sense_says_what_to_write() {
        for wrong in ["5", "8:3", "3:3", "a:b", "-1:2"] {
            assert!(wrong.parse::<Rows>().unwrap_err().contains("A:B"), "{wrong}");
        }
        assert_eq!("3:".parse(), Ok(Rows { start: 3, end: None }));
        assert_eq!(":3".parse(), Ok(Rows { start: 0, end: Some(3) }));
    }

    #[test]
    fn a_sheet_is_written_once_and_replaced_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/sheet.png");
        let mut asked = command("photos.h5").unwrap();
        let file = photos(30);
        let opened = Opened::new(&file, Path::new("photos.h5"), None).unwrap();
        asked.write_sheet(&opened, &path, &Silent).unwrap();
        let written = std::fs::read(&path).unwrap();
        assert_eq!(image::load_from_memory(&written).unwrap().width(), 1600);
        let refused = check_output(&path, false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert!(refused.message().contains("--overwrite"));
        asked.overwrite = true;
        asked.width = 800;
        check_output(&path, true).unwrap();
        asked.write_sheet(&opened, &path, &Silent).unwrap();
        assert_ne!(std::fs::read(&path).unwrap(), written);
        assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
    }

    #[test]
    fn another_suffix_names_the_one_that_is_possible() {
        let error = check_output(Path::new("out/sheet.jpg"), false).unwrap_err();
        assert!(error.message().contains("sheet.png"), "{error}");
    }

    #[test]
    fn a_wrong_dataset_or_class_is_told_what_there_is() {
        let file = photos(30);
        let there = |wanted: &str| Opened::new(&file, Path::new("a.h5"), Some(wanted.to_owned()));
        assert!(there("images").is_ok() && there("/images").is_ok());
        let told = |arguments: &str| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Opened::new(&file, Path::new("a.h5"), None).unwrap();
            let asked = command(arguments).unwrap();
            asked.write_sheet(&opened, &dir.path().join("s.png"), &Silent).unwrap_err().to_string()
        };
        assert!(told("a.h5 --class cat").ends_with("there are: hot_dog, not_hot_dog"));
        assert!(told("a.h5 --rows 30:").contains("the last is 29"));
    }
}
