//! A folder of images → one .h5 file, or one for each part: the passes one after the other.

use super::append::{self, Existing};
use super::journal::{self, Draft, State};
use super::keys::Scheme;
use super::options::{Keys, SampleDepth, Split};
use super::parts::{self, Part};
use super::picture::{Channels, Depth, Fit, JpegSize, Layout, Look, Sample};
use super::pipeline::{Files, Pipeline, Sink};
use super::plan::{self, Plan};
use super::report::{self, Changes, Class, Skipped, Summary, Written, count, printable};
use super::scan::{self, Entry, Listing};
use super::set::Set;
use super::survey::{How, Survey};
use super::table::Table;
use super::write::{Output, Storage};
use super::{Color, Compress, Convert, Frames, Labels, OnError, Store, compress};
use crate::Element;
use crate::commands::{Progress, output};
use crate::error::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Converts `options.input` to a file at `output`, or to several beside it.
///
/// # Errors
/// If nothing can be read, the options do not fit the images, or a file cannot be written.
pub(super) fn convert(options: &Convert, output: &Path, progress: &dyn Progress) -> Result<Summary> {
    let existing = if options.append { Existing::open(output)? } else { None };
    let settled = existing.as_ref().map(|existing| existing.settle(options)).transpose()?;
    let options = settled.as_ref().unwrap_or(options);

    progress.start("scanning", None);
    let mut listing = scan::scan(&options.input, progress)?;
    let outputs = options.split.outputs(&options.input, output);
    listing.leave_out(&outputs.iter().flat_map(|output| journal::files_of(output)).collect::<Vec<_>>());
    progress.finish();
    let mut survey = survey(options, &mut listing, progress)?;
    let table = options.labels_csv.as_deref().map(Table::read).transpose()?;
    let (level, mut set) = classes(options, &listing, &survey, table.as_ref())?;
    let strict = options.on_error == OnError::Stop;
    keep_labelled(&set, &mut survey, strict)?;
    let mut had_already = 0;
    if let Some(existing) = &existing {
        had_already = existing.leave_out(&set, &mut survey)?;
        set.renumber(&existing.classes);
    }
    let mut summary = Summary { had_already, ..Summary::default() };
    match options.shard {
        _ if !survey.images.is_empty() || had_already > 0 => {}
        // Other shards have some.
        Some(shard) if !survey.images_in.is_empty() => {
            progress.notice(&format!("shard {shard} has no images, so there is no file of it"));
        }
        _ => return Err(nothing(options, Vec::new(), &survey)),
    }

    let images = std::mem::take(&mut survey.images);
    let parts = divide(options, level, &listing, &set, images, output, progress)?;
    let set = &set;
    if !parts.iter().all(|part| part.images.is_empty()) {
        let plan = Plan::of(options, &survey, |text| progress.notice(text))?;
        let pipeline = Pipeline::new(set, options.max_pixels.0, strict, options.checkpoint.0, progress);
        for part in &parts {
            let run = Run { options, part, parts: parts.len(), set, pipeline: &pipeline, survey: &survey };
            let done = match &plan {
                Plan::Bytes => run.bytes(existing.as_ref()),
                Plan::Pixels { look, shape, depth: Depth::Eight } => run.pixels::<u8>(look, *shape, existing.as_ref()),
                Plan::Pixels { look, shape, depth: Depth::Sixteen } => {
                    run.pixels::<u16>(look, *shape, existing.as_ref())
                }
                Plan::Pixels { look, shape, depth: Depth::Float } => run.pixels::<f32>(look, *shape, existing.as_ref()),
            };
            let (written, state) = done?;
            summary.files.push(written);
            summary.skipped.extend(state.skipped.into_iter().map(|(_, skipped)| skipped));
            summary.first_frame_only.join(&state.more_frames);
            summary.scaled.join(&state.scaled);
        }
    }
    summary.skipped.append(&mut survey.skipped);
    summary.skipped.sort();
    summary.other_files = survey.others;
    summary.beside_classes = if set.labelled() { set.loose } else { 0 };
    announce(&summary, options.keys, progress);
    if let Some(path) = &options.report {
        report::write_csv(path, &summary.skipped)?;
    }
    Ok(summary)
}

/// Reads the headers of all images, of which a shard keeps its own.
fn survey(options: &Convert, listing: &mut Listing, progress: &dyn Progress) -> Result<Survey> {
    let look = plan::look(options, Channels::Rgb);
    let strict = options.on_error == OnError::Stop;
    let all_files = options.store == Some(Store::Files);
    let as_files = all_files || options.store == Some(Store::Bytes);
    let (frames, max_pixels) = (if as_files { Frames::First } else { options.frames }, options.max_pixels.0);
    let how = How { look: &look, max_pixels, strict, frames, as_files, all_files };
    let mut files = std::mem::take(&mut listing.files);
    let mut survey = Survey::default();
    if options.shard.is_none_or(|shard| shard.number == 1) {
        survey.others.count += listing.special;
        for (file, error) in std::mem::take(&mut listing.refused) {
            survey.refuse(file, error, strict)?;
        }
    }
    if options.shard.is_some() {
        // What all shards agree on without having read each other's files.
        survey.images_in = by_names(&files, all_files);
    }
    if options.shuffle {
        parts::shuffle(&mut files, options.seed);
    }
    let own = options.shard.map_or(0..files.len(), |shard| shard.range(files.len()));
    let (after, mut before) = (files.split_off(own.end), files);
    let own = before.split_off(own.start);
    // What is one of its own files says nothing of the size and colours of all, unless the options do.
    let all = !as_files && !is_settled(options);
    let count = own.len() + if all { before.len() + after.len() } else { 0 };
    progress.start("reading headers", Some(count as u64));
    let by_name = options.shard.map(|_| survey.images_in.clone());
    survey.look(listing, own, &how, true, progress)?;
    if all {
        survey.look(listing, before, &how, false, progress)?;
        survey.look(listing, after, &how, false, progress)?;
    }
    progress.finish();
    if let Some(by_name) = by_name {
        let level = 1;
        let known = parts::counts_at(listing, level, &by_name);
        let seen = parts::counts_at(listing, level, &survey.images_in);
        let by_folder = options.labels == Labels::Folders && options.labels_csv.is_none();
        if let Some(folder) = seen.keys().find(|folder| by_folder && !known.contains_key(folder)) {
            let name = printable(&listing.folder_name(*folder));
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "--shard knows folders of images by the suffixes of their files, and {name} has none; rename them"
                ),
            ));
        }
        survey.images_in = by_name;
    }
    Ok(survey)
}

/// Whether the options alone say what the shape and colours of a set are.
fn is_settled(options: &Convert) -> bool {
    options.dim.is_some()
        && !matches!(options.fit, Fit::Shorter | Fit::Longer)
        && options.color != Color::Auto
        && options.depth != SampleDepth::Auto
}

/// How many files in each folder may be images by their names.
fn by_names(files: &[Entry], all: bool) -> HashMap<u32, u64> {
    let mut counts = HashMap::new();
    for entry in files {
        let name = entry.name();
        if all || super::picture::has_image_suffix(&name) || super::picture::suffix_of(&name).is_empty() {
            *counts.entry(entry.folder()).or_default() += 1;
        }
    }
    counts
}

/// The classes, and at which level of folders they are.
fn classes<'a>(
    options: &Convert,
    listing: &'a Listing,
    survey: &Survey,
    table: Option<&Table>,
) -> Result<(u8, Set<'a>)> {
    let tops = parts::counts_at(listing, 1, &survey.images_in);
    let level = match &options.split {
        Split::Folders => 2,
        Split::Auto
            if options.shard.is_none() && !options.append && parts::are_parts(listing, tops.keys().copied()) =>
        {
            2
        }
        _ => 1,
    };
    if level == 2 && tops.contains_key(&0) {
        return Err(Error::invalid("--split folders: there are images beside the folders"));
    }
    let set = match (table, options.labels) {
        (Some(table), _) => Set::of_table(listing, level, table, &options.class_order)?,
        (None, Labels::None) => Set::unlabelled(listing, level),
        (None, Labels::Folders) => {
            let counts = parts::counts_at(listing, level, &survey.images_in);
            Set::of_folders(listing, level, &counts, &options.class_order)?
        }
    };
    Ok((level, set))
}

/// Leaves out the images for which the table has no label.
fn keep_labelled(set: &Set<'_>, survey: &mut Survey, strict: bool) -> Result<()> {
    let images = std::mem::take(&mut survey.images);
    for image in images {
        if set.label(&image).is_some() {
            survey.images.push(image);
        } else {
            let missing = Error::new(ErrorKind::NotFound, "no label in the table of --labels-csv");
            survey.refuse(set.relative(&image), missing, strict)?;
        }
    }
    Ok(())
}

/// The images of each file.
fn divide(
    options: &Convert,
    level: u8,
    listing: &Listing,
    set: &Set<'_>,
    images: Vec<Entry>,
    output: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Part>> {
    let label = |entry: &Entry| set.label(entry).unwrap_or(0);
    let parts = match &options.split {
        Split::Shares(shares) => parts::by_share(images, label, shares, options.seed, output),
        _ if level == 2 => parts::by_folder(listing, images, output),
        _ => vec![Part { name: None, output: output.to_owned(), images }],
    };
    if level == 2 && options.split == Split::Auto {
        let names: Vec<String> = parts.iter().filter_map(|part| part.name.clone()).collect();
        let names = printable(&names.join(", "));
        progress.notice(&format!("the folders {names} become a file each; --split none makes classes of them"));
    }
    if let Some(empty) = parts.iter().find(|part| part.images.is_empty() && part.name.is_some()) {
        let name = output::printable(&empty.output);
        return Err(Error::invalid(format!("--split leaves no image for {name}; there are too few")));
    }
    let named = parts.iter().filter(|part| part.name.is_some());
    parts::check(&named.map(|part| part.output.as_path()).collect::<Vec<_>>(), options.overwrite)?;
    Ok(parts)
}

/// The second pass and the file it writes.
struct Run<'a> {
    options: &'a Convert,
    part: &'a Part,
    parts: usize,
    set: &'a Set<'a>,
    pipeline: &'a Pipeline<'a>,
    survey: &'a Survey,
}

impl Run<'_> {
    fn pixels<T: Sample + Element>(
        &self,
        look: &Look,
        (height, width): (u32, u32),
        existing: Option<&Existing>,
    ) -> Result<(Written, State)> {
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
        let images = &self.part.images;
        let (dtype, depth) = match T::DEPTH {
            Depth::Eight => ("uint8", "8"),
            Depth::Sixteen => ("uint16", "16"),
            Depth::Float => ("float32", "float"),
        };
        let scheme = self.scheme();
        let shape = scheme.shape(shape, look.channels);
        let made = format!("{} --depth {depth} {}", describe(self.options, look), self.rest());
        if let Some(existing) = existing {
            existing.check::<T>(&shape)?;
            let work = |sink: &mut dyn Sink<T>| self.pipeline.pixels::<T>(images, 0, look, row, sink);
            return self.append::<T>(existing, dtype, work);
        }
        let (filters, compression) = match &self.options.compress {
            Compress::None => (Vec::new(), "uncompressed".to_owned()),
            Compress::Filters(list, written) => {
                (Compress::complete(list, written, size_of::<T>()), written.replace(':', " "))
            }
            Compress::Auto => {
                let (worth, said) = compress::probe::<T>(self.pipeline, images, look, row);
                (if worth { Compress::gzip(size_of::<T>()) } else { Vec::new() }, said)
            }
        };
        let storage = Storage { shape, chunk: plan::images_per_chunk(bytes), filters };
        let work = |start, sink: &mut dyn Sink<T>| self.pipeline.pixels::<T>(images, start, look, row, sink);
        let (written, state) = self.write::<T>(&storage, scheme, &made, work)?;
        Ok((Written { dtype, compression, ..written }, state))
    }

    fn bytes(&self, existing: Option<&Existing>) -> Result<(Written, State)> {
        let images = &self.part.images;
        if let Some(existing) = existing {
            existing.check::<Vec<u8>>(&[])?;
            return self.append::<Vec<u8>>(existing, "bytes", |sink| self.pipeline.bytes(images, 0, sink));
        }
        let storage = Storage { shape: Vec::new(), chunk: plan::FILES_PER_CHUNK, filters: Vec::new() };
        let what = word(self.options.store.filter(|store| *store == Store::Files).unwrap_or(Store::Bytes));
        let made = format!("--store {what} {}", self.rest());
        let work = |start, sink: &mut dyn Sink<Vec<u8>>| self.pipeline.bytes(images, start, sink);
        let (written, state) = self.write::<Vec<u8>>(&storage, self.scheme(), &made, work)?;
        Ok((Written { dtype: "bytes", compression: "files as they are".to_owned(), ..written }, state))
    }

    fn scheme(&self) -> Scheme {
        Scheme::of(self.options.keys, self.part.name.as_deref())
    }

    /// Makes the file, or goes on with it, lets `work` fill it from a place on, and completes it.
    fn write<T: Element>(
        &self,
        storage: &Storage,
        scheme: Scheme,
        made: &str,
        work: impl FnOnce(u64, &mut dyn Sink<T>) -> Result<()>,
    ) -> Result<(Written, State)>
    where
        Output: Sink<T>,
    {
        let path = &self.part.output;
        output::make_parents(path)?;
        let source = output::real(&self.options.input).to_string_lossy().into_owned();
        let identity = format!("{made} {storage:?} of {source} {}", self.identity());
        let (draft, state) = Draft::begin(path, self.options.overwrite, &identity)?;
        let progress = self.pipeline.progress;
        let total: u64 = self.part.images.iter().map(|image| u64::from(image.frames)).sum();
        progress.start("converting", Some(total));
        if let Some(state) = &state {
            let rows = count(state.stored.rows, "image");
            progress.notice(&format!("going on where an earlier run was stopped: {rows} are there"));
            progress.advance(state.place);
        }
        let mut file = Output::create::<T>(draft, state, storage, scheme, self.options.checkpoint.0)?;
        let done = work(file.state.place, &mut file)
            .and_then(|()| file.names(&self.part.images, self.set, &self.set.classes, self.set.labelled(), progress));
        progress.finish();
        let labels = done.map_err(|error| match file.left() {
            Some(left) if error.kind() == ErrorKind::Interrupted => {
                Error::new(error.kind(), format!("stopped; {left}"))
            }
            Some(left) => Error::new(error.kind(), format!("{error}; {left}")),
            None => error,
        })?;
        let (images, state) = (file.rows(), file.state.clone());
        if images == 0 {
            let skipped = state.skipped.into_iter().map(|(_, skipped)| skipped).collect();
            return Err(nothing(self.options, skipped, self.survey));
        }
        let source = self.options.input.to_string_lossy().into_owned();
        let tool = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut about = vec![("tool", tool), ("source", source), ("options", made.to_owned())];
        if self.options.shuffle || matches!(self.options.split, Split::Shares(_)) {
            about.push(("seed", self.options.seed.to_string()));
        }
        if let Some(folder) = self.set.own_folder() {
            // With the number of rows: of a merged file it says nothing.
            about.extend([("folder", folder.to_owned()), ("folder_rows", images.to_string())]);
        }
        file.commit(&about)?;
        let shape = std::iter::once(images).chain(storage.shape.iter().copied()).collect();
        Ok((self.written(images, shape, &labels), state))
    }

    /// Stands for the images of this part in their order, and for how they are now.
    fn identity(&self) -> String {
        let mut digest = Sha256::new_with_prefix(self.survey.digest());
        for image in &self.part.images {
            digest.update(self.set.relative(image));
            digest.update([0]);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds to a file that is there.
    fn append<T: Element>(
        &self,
        existing: &Existing,
        dtype: &'static str,
        work: impl FnOnce(&mut dyn Sink<T>) -> Result<()>,
    ) -> Result<(Written, State)> {
        let progress = self.pipeline.progress;
        progress.start("appending", Some(self.part.images.len() as u64));
        let every = self.options.checkpoint.0;
        let mut addition = append::Addition::begin(existing, &self.part.images, self.set, every)?;
        work(&mut addition)?;
        progress.finish();
        let (images, rows, labels, state) = addition.finish()?;
        let shape = std::iter::once(rows).chain(existing.shape.iter().copied()).collect();
        let compression = "as before".to_owned();
        Ok((Written { dtype, compression, ..self.written(images, shape, &labels) }, state))
    }

    fn written(&self, images: u64, shape: Vec<u64>, labels: &BTreeMap<i64, u64>) -> Written {
        let images_of = |label: i64| labels.get(&label).copied().unwrap_or(0);
        let classes = self.set.classes.iter().zip(0..);
        let classes = classes.map(|(name, label)| Class { name: name.clone(), images: images_of(label) });
        let output = self.part.output.to_string_lossy().into_owned();
        Written { output, images, shape, classes: classes.collect(), ..Written::default() }
    }

    /// The options that have nothing to do with pixels.
    fn rest(&self) -> String {
        let Convert { keys, frames, compress, seed, .. } = self.options;
        let labels = if self.set.labelled() { "folder" } else { "none" };
        let mut rest = format!("--labels {labels} --frames {} --keys {}", word(*frames), word(*keys));
        if *compress != Compress::Auto {
            rest.push_str(&format!(" --compress {compress}"));
        }
        if self.options.shuffle {
            rest.push_str(&format!(" --shuffle --seed {seed}"));
        }
        if let Split::Shares(_) = self.options.split {
            rest.push_str(&format!(" --split {} --seed {seed}", self.options.split));
        }
        if let Some(shard) = self.options.shard {
            rest.push_str(&format!(" --shard {shard}"));
        }
        if self.parts > 1 && self.options.keys == Keys::Coursera {
            rest.push_str(&format!(" (part {})", self.part.name.as_deref().unwrap_or_default()));
        }
        rest
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
    let jpeg = if look.jpeg == JpegSize::Full { " --jpeg full" } else { "" };
    format!("{size}--fit {fit} --filter {filter} --color {color} --background {background} --layout {layout}{jpeg}")
}

/// The word that stands for a value on the command line.
pub(super) fn word(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The error of a folder in which nothing can be read; the report is written all the same.
fn nothing(options: &Convert, mut skipped: Vec<Skipped>, survey: &Survey) -> Error {
    skipped.extend(survey.skipped.iter().cloned());
    skipped.sort();
    let folder = options.input.to_string_lossy();
    let written = options.report.as_ref().map_or(Ok(()), |path| report::write_csv(path, &skipped));
    let error = written.err().unwrap_or_else(|| report::nothing_readable(&folder, &skipped, &survey.others));
    match options.shard {
        Some(shard) => Error::new(error.kind(), format!("shard {shard}: {}", error.message())),
        None => error,
    }
}

/// Tells of what was changed or decided and might not be expected.
fn announce(summary: &Summary, keys: Keys, progress: &dyn Progress) {
    let Summary { scaled, first_frame_only, .. } = summary;
    let one_of = |changes: &Changes| printable(&changes.first);
    if scaled.count > 0 && keys != Keys::Tflearn {
        let images = count(scaled.count, "image");
        let how = match summary.files.first().map(|file| file.dtype) {
            Some("uint8") => "had 16 bits and became 8 (--depth 16 keeps them)",
            Some("uint16") => "had 8 bits and became 16",
            _ => "had integers, which became 0 to 1",
        };
        progress.notice(&format!("{images} {how}; the first is {}", one_of(scaled)));
    }
    if first_frame_only.count > 0 {
        let images = count(first_frame_only.count, "image");
        let first = one_of(first_frame_only);
        progress.notice(&format!(
            "of {images} with several frames or pages only the first was taken (--frames all takes each); one is {first}"
        ));
    }
    if summary.beside_classes > 0 {
        let images = count(summary.beside_classes, "image");
        progress.notice(&format!("{images} beside the folders of classes: the class is the name of the whole folder"));
    }
}
