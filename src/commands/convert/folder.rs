//! A folder of images → one .h5 file: the passes one after the other.

use super::picture::{Channels, Depth, Layout, Look, Sample};
use super::pipeline::{Files, Pipeline, Sink, Tally};
use super::plan::{self, Plan};
use super::report::{self, Class, Summary, count, printable};
use super::scan::{self, Entry, Listing};
use super::survey::Survey;
use super::write::{Output, Storage};
use super::{Compress, Convert, Labels, OnError, compress};
use crate::Element;
use crate::commands::{Progress, output};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Converts `options.input` to a file at `output`.
///
/// # Errors
/// If nothing can be read, the options do not fit the images, or the file cannot be written.
pub(super) fn convert(options: &Convert, output: &Path, progress: &dyn Progress) -> Result<Summary> {
    let strict = options.on_error == OnError::Stop;
    progress.start("scanning", None);
    let mut listing = scan::scan(&options.input, progress)?;
    progress.finish();

    progress.start("reading headers", Some(listing.files.len() as u64));
    let look = plan::look(options, Channels::Rgb);
    let mut survey = Survey::of(&mut listing, &look, options.max_pixels.0, strict, progress)?;
    progress.finish();
    if survey.images.is_empty() {
        return Err(nothing(options, Vec::new(), &survey));
    }

    let plan = Plan::of(options, &survey, |text| progress.notice(text))?;
    let set = Set::new(&listing, options.labels, &survey.images);
    let pipeline = Pipeline::new(&set, options.max_pixels.0, strict, progress);
    let run = Run { options, output, set: &set, pipeline: &pipeline, survey: &survey };
    let mut summary = match &plan {
        Plan::Bytes => run.bytes()?,
        Plan::Pixels { look, shape, depth: Depth::Eight } => run.pixels::<u8>(look, *shape)?,
        Plan::Pixels { look, shape, depth: Depth::Sixteen } => run.pixels::<u16>(look, *shape)?,
        Plan::Pixels { look, shape, depth: Depth::Float } => run.pixels::<f32>(look, *shape)?,
    };
    summary.skipped.append(&mut survey.skipped);
    summary.skipped.sort();
    summary.other_files = survey.others;
    announce(&summary, progress);
    if let Some(path) = &options.report {
        report::write_csv(path, &summary.skipped)?;
    }
    Ok(summary)
}

/// The files of a set, named and numbered as they are stored.
struct Set<'a> {
    listing: &'a Listing,
    labels: Labels,
    /// Names of the classes, in the order of their labels.
    classes: Vec<String>,
    /// The label of each folder at the top.
    label_of: HashMap<u32, i64>,
    /// The class of images that lie in the folder itself.
    own_class: String,
    /// How many of these there are beside folders that are classes.
    loose: u64,
}

impl<'a> Set<'a> {
    fn new(listing: &'a Listing, labels: Labels, images: &[Entry]) -> Set<'a> {
        let mut images_in: HashMap<u32, u64> = HashMap::new();
        for image in images {
            *images_in.entry(listing.top(image)).or_default() += 1;
        }
        let mut tops: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for &top in images_in.keys() {
            tops.entry(listing.class_name(top)).or_default().push(top);
        }
        let label_of = tops.values().zip(0..).flat_map(|(tops, label)| tops.iter().map(move |&top| (top, label)));
        let loose = if images_in.len() > 1 { images_in.get(&0).copied().unwrap_or(0) } else { 0 };
        Set {
            listing,
            labels,
            label_of: label_of.collect(),
            classes: tops.into_keys().collect(),
            own_class: listing.class_name(0),
            loose,
        }
    }

    fn labelled(&self) -> bool {
        self.labels == Labels::Folders
    }
}

impl Files for Set<'_> {
    fn path(&self, entry: &Entry) -> PathBuf {
        self.listing.path(entry)
    }

    fn relative(&self, entry: &Entry) -> String {
        self.listing.relative(entry)
    }

    fn name_and_label(&self, entry: &Entry) -> (String, i64) {
        let top = self.listing.top(entry);
        let label = self.label_of.get(&top).copied().unwrap_or(0);
        let name = self.listing.relative(entry);
        if top == 0 && self.labelled() {
            // As it would be called if the folder were one class of several.
            (format!("{}/{name}", self.own_class), label)
        } else {
            (name, label)
        }
    }
}

/// The second pass and the file it writes.
struct Run<'a> {
    options: &'a Convert,
    output: &'a Path,
    set: &'a Set<'a>,
    pipeline: &'a Pipeline<'a>,
    survey: &'a Survey,
}

impl Run<'_> {
    fn pixels<T: Sample + Element>(&self, look: &Look, (height, width): (u32, u32)) -> Result<Summary> {
        let (rows, columns, channels) = (u64::from(height), u64::from(width), look.channels as u64);
        let shape = match look.layout {
            Layout::Nhwc => vec![rows, columns, channels],
            Layout::Nchw => vec![channels, rows, columns],
        };
        let samples = rows * columns * channels;
        let bytes = samples * size_of::<T>() as u64;
        // A chunk has less than 4 GiB, and two batches of images are in memory.
        if bytes > 1 << 30 {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("one image of {height}x{width} takes {bytes} bytes; choose a smaller --dim"),
            ));
        }
        let row = samples as usize;
        let (deflate, compression) = match self.options.compress {
            Compress::None => (None, "uncompressed".to_owned()),
            Compress::Gzip(level) => (Some(level), format!("gzip {level}")),
            Compress::Auto => compress::probe::<T>(self.pipeline, &self.survey.images, look, row),
        };
        let shuffle = deflate.is_some() && size_of::<T>() > 1;
        let storage = Storage { shape, chunk: plan::images_per_chunk(bytes), deflate, shuffle };
        let (dtype, depth) = match T::DEPTH {
            Depth::Eight => ("uint8", "8"),
            Depth::Sixteen => ("uint16", "16"),
            Depth::Float => ("float32", "float"),
        };
        let made = format!("{} --depth {depth} {}", describe(self.options, look), self.labels());
        let work = |file: &mut Output| self.pipeline.pixels::<T>(&self.survey.images, look, row, file);
        let summary = self.write::<T>(&storage, made, work)?;
        Ok(Summary { dtype, compression, ..summary })
    }

    fn bytes(&self) -> Result<Summary> {
        let storage = Storage { shape: Vec::new(), chunk: 1024, deflate: None, shuffle: false };
        let made = format!("--store bytes {}", self.labels());
        let summary = self.write::<Vec<u8>>(&storage, made, |file| self.pipeline.bytes(&self.survey.images, file))?;
        Ok(Summary { dtype: "bytes", compression: "files as they are".to_owned(), ..summary })
    }

    /// Makes the file, lets `work` fill it, and completes it.
    fn write<T: Element>(
        &self,
        storage: &Storage,
        made: String,
        work: impl FnOnce(&mut Output) -> Result<Tally>,
    ) -> Result<Summary>
    where
        Output: Sink<T>,
    {
        output::make_parents(self.output)?;
        let mut file = Output::create::<T>(self.output, self.options.overwrite, storage, self.set.labelled())?;
        let progress = self.pipeline.progress;
        progress.start("converting", Some(self.survey.images.len() as u64));
        let tally = work(&mut file)?;
        progress.finish();
        if tally.images == 0 {
            return Err(nothing(self.options, tally.skipped, self.survey));
        }
        let source = self.options.input.to_string_lossy().into_owned();
        let tool = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        file.commit(&self.set.classes, &[("tool", tool), ("source", source), ("options", made)])?;
        Ok(self.summary(tally, storage))
    }

    fn summary(&self, tally: Tally, storage: &Storage) -> Summary {
        let images_of = |label: i64| tally.labels.get(&label).copied().unwrap_or(0);
        let classes = self.set.classes.iter().zip(0..);
        let classes = classes.map(|(name, label)| Class { name: name.clone(), images: images_of(label) });
        Summary {
            output: self.output.to_string_lossy().into_owned(),
            images: tally.images,
            shape: std::iter::once(tally.images).chain(storage.shape.iter().copied()).collect(),
            classes: if self.set.labelled() { classes.collect() } else { Vec::new() },
            skipped: tally.skipped,
            first_frame_only: tally.more_frames,
            scaled: tally.scaled,
            beside_classes: if self.set.labelled() { self.set.loose } else { 0 },
            ..Summary::default()
        }
    }

    fn labels(&self) -> &'static str {
        if self.set.labelled() { "--labels folders" } else { "--labels none" }
    }
}

/// The options that made the pixels what they are, as they would be written again.
fn describe(options: &Convert, look: &Look) -> String {
    let size = options.dim.map(|dim| format!("--dim {dim} "));
    let color = match look.channels {
        Channels::Grey => "gray",
        Channels::Rgb => "rgb",
        Channels::Rgba => "rgba",
    };
    let (fit, filter, layout) = (word(look.fit), word(look.filter), word(look.layout));
    let (size, background) = (size.unwrap_or_default(), options.background);
    format!("{size}--fit {fit} --filter {filter} --color {color} --background {background} --layout {layout}")
}

/// The word that stands for a value on the command line.
fn word(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The error of a folder in which nothing can be read; the report is written all the same.
fn nothing(options: &Convert, mut skipped: Vec<report::Skipped>, survey: &Survey) -> Error {
    skipped.extend(survey.skipped.iter().cloned());
    skipped.sort();
    let folder = options.input.to_string_lossy();
    let written = options.report.as_ref().map_or(Ok(()), |path| report::write_csv(path, &skipped));
    written.err().unwrap_or_else(|| report::nothing_readable(&folder, &skipped, &survey.others))
}

/// Tells of what was changed or decided and might not be expected.
fn announce(summary: &Summary, progress: &dyn Progress) {
    let Summary { scaled, first_frame_only, .. } = summary;
    if scaled.count > 0 {
        let images = count(scaled.count, "image");
        let how = match summary.dtype {
            "uint8" => "had 16 bits and became 8 (--depth 16 keeps them)",
            "uint16" => "had 8 bits and became 16",
            _ => "had integers, which became 0 to 1",
        };
        progress.notice(&format!("{images} {how}; the first is {}", printable(&scaled.first)));
    }
    if first_frame_only.count > 0 {
        let images = count(first_frame_only.count, "image");
        let first = printable(&first_frame_only.first);
        progress.notice(&format!("of {images} with several frames or pages only the first was taken; one is {first}"));
    }
    if summary.beside_classes > 0 {
        let images = count(summary.beside_classes, "image");
        progress.notice(&format!("{images} beside the folders of classes: the class is the name of the whole folder"));
    }
}
