//! The merged file: its groups, types, links and attributes, and datasets that wait for their rows.

use super::attributes::NO_VARIABLE;
use super::classes::CLASS_NAMES;
use super::contents::each_part;
use super::inputs::Shelf;
use super::plan::{Joined, Kept, Plan, below};
use super::references::References;
use super::survey::{Input, What};
use super::wishes::Mode;
use super::{places, virtual_rows};
use crate::builder::{ArrayLike, CreateOptions, DatasetMut, FileMut, GroupMut, ObjectMut};
use crate::commands::open::Opening;
use crate::commands::{Progress, output};
use crate::datatype::{Datatype, Name, Padding};
use crate::error::{Error, ErrorKind, Result};
use crate::{Attribute, File, FixedString, LibVer, Object};
use std::collections::BTreeMap;
use std::path::Path;

/// How the merged file is made.
pub(super) struct Making<'a> {
    pub(super) mode: Mode,
    /// The name that the file will have.
    pub(super) output: &'a Path,
    pub(super) libver: LibVer,
    pub(super) opening: &'a Opening,
    /// Whether rows keep their order.
    pub(super) ordered: bool,
}

/// The merged file at work.
pub(super) struct Target<'a> {
    pub(super) plan: &'a Plan,
    pub(super) making: &'a Making<'a>,
    pub(super) out: FileMut,
    pub(super) shelf: Shelf<'a>,
    types: BTreeMap<Name, ObjectMut>,
    /// The datasets that wait for rows, as [`Plan::joined`]; nothing for those whose rows are elsewhere.
    pub(super) made: Vec<Option<DatasetMut>>,
    progress: &'a dyn Progress,
}

/// A new object that takes attributes.
enum Made<'a> {
    Group(GroupMut),
    Dataset(&'a mut DatasetMut),
    Object(ObjectMut),
}

impl Made<'_> {
    fn set(&mut self, name: &[u8], value: &dyn ArrayLike, datatype: Option<&ObjectMut>) -> Result<()> {
        match (self, datatype) {
            (Made::Group(group), None) => group.set_attribute(name, value),
            (Made::Group(group), Some(datatype)) => group.set_attribute_as(name, value, datatype),
            (Made::Dataset(dataset), None) => dataset.set_attribute(name, value),
            (Made::Dataset(dataset), Some(datatype)) => dataset.set_attribute_as(name, value, datatype),
            (Made::Object(object), None) => object.set_attribute(name, value),
            (Made::Object(object), Some(datatype)) => object.set_attribute_as(name, value, datatype),
        }
    }
}

impl<'a> Target<'a> {
    /// Begins the file at `path` with everything but rows.
    pub(super) fn begin(
        plan: &'a Plan,
        making: &'a Making<'a>,
        path: &Path,
        overwrite: bool,
        progress: &'a dyn Progress,
    ) -> Result<Target<'a>> {
        output::make_parents(path)?;
        let out = File::create_with(path, CreateOptions::new().overwrite(overwrite).libver(making.libver))?;
        let shelf = Shelf::new(&plan.inputs, making.opening);
        let made = plan.joined.iter().map(|_| None).collect();
        let mut target = Target { plan, making, out, shelf, types: BTreeMap::new(), made, progress };
        for path in &plan.order {
            output::stop_if_asked(progress)?;
            // By the name that it has in the files.
            target.item(path).map_err(|e| match e.kind() {
                ErrorKind::Io | ErrorKind::Interrupted | ErrorKind::Conflict => e,
                kind => Error::new(kind, e.message().to_owned()).on(path.to_string()),
            })?;
        }
        target.further_names()?;
        Ok(target)
    }

    /// Stores what still waits, and gives the file its name.
    pub(super) fn commit(self) -> Result<()> {
        let Target { made, out, .. } = self;
        drop(made);
        out.commit()
    }

    fn item(&mut self, path: &Name) -> Result<()> {
        let plan = self.plan;
        if plan.dropped.contains(path) {
            return Ok(());
        }
        let found = plan.inputs.iter().enumerate().find_map(|(i, input)| Some((i, &input.items.get(path)?.what)));
        let Some((input, what)) = found else {
            return Ok(());
        };
        match what {
            What::Group { tracked } => {
                let mut group = self.group(path)?;
                // Something that a reference leads to may be in it already.
                if *tracked
                    && let Err(e) = group.track_order(true)
                    && e.kind() != ErrorKind::Conflict
                {
                    return Err(e);
                }
                self.attributes(path, None, Made::Group(group))
            }
            What::Dataset(_) => self.dataset(path),
            What::Datatype(_) => self.datatype(input, path).map(drop),
            What::Soft(to) => self.out.link_soft(path.as_bytes(), to.as_bytes()),
            What::External { file, path: there } => {
                let from = &plan.inputs.get(input).map_or(Path::new("."), |i| &i.path);
                let file = places::moved(file, from, self.making.output);
                self.out.root().link_external(path.as_bytes(), file.as_bytes(), there.as_bytes())
            }
            What::Same(_) | What::Unsupported(_) => Ok(()),
        }
    }

    fn group(&mut self, path: &Name) -> Result<GroupMut> {
        if *path == *"/" { Ok(self.out.root()) } else { self.out.root().group(path.as_bytes()) }
    }

    /// Hard links to what is there under another name.
    fn further_names(&mut self) -> Result<()> {
        for path in &self.plan.order {
            let same = self.plan.inputs.iter().find_map(|i| match &i.items.get(path)?.what {
                What::Same(first) => Some(first),
                _ => None,
            });
            if let Some(first) = same.filter(|first| !self.plan.dropped.contains(*first)) {
                self.out.root().link_hard(path.as_bytes(), first.as_bytes())?;
            }
        }
        Ok(())
    }

    /// A committed datatype, which is made if it is not there yet.
    fn datatype(&mut self, input: usize, path: &Name) -> Result<ObjectMut> {
        if let Some(known) = self.types.get(path) {
            return Ok(known.clone());
        }
        let Object::Datatype(named) = self.shelf.object(input, path)? else {
            return Err(Error::new(ErrorKind::Damaged, format!("{path} is no datatype")));
        };
        let datatype = named.datatype().with_references_in_new_file()?;
        let made = self.out.commit_datatype(path.as_bytes(), datatype)?;
        self.types.insert(path.clone(), made.clone());
        self.attributes(path, None, Made::Object(made.clone()))?;
        Ok(made)
    }

    /// The committed datatype of that path, if it is `datatype`.
    fn committed(&mut self, path: Option<&Name>, datatype: &Datatype) -> Result<Option<ObjectMut>> {
        let Some(path) = path else { return Ok(None) };
        let input = self.plan.inputs.iter().position(|i| i.items.contains_key(path)).unwrap_or(0);
        Ok(Some(self.datatype(input, path)?).filter(|found| found.datatype() == datatype))
    }

    /// Sets the attributes of an object: those of one file, or those that were chosen from all.
    fn attributes(&mut self, path: &Name, of: Option<usize>, mut made: Made<'_>) -> Result<()> {
        let plan = self.plan;
        let chosen: Vec<(usize, Name)> = match of {
            None => plan.attributes.of(path).into_iter().map(|(name, kept)| (kept.input, name.clone())).collect(),
            Some(input) => {
                let object = self.shelf.object(input, path)?;
                let all = object.attributes_by_creation_order().or_else(|_| object.attributes())?;
                let names = all.into_iter().map(|a| Ok((input, a?.name().clone()))).collect::<Result<Vec<_>>>()?;
                names.into_iter().filter(|(_, name)| *name != *CLASS_NAMES).collect()
            }
        };
        let mut before: Option<(usize, Vec<Attribute>)> = None;
        for (input, name) in chosen {
            if before.as_ref().is_none_or(|(i, _)| *i != input) {
                let all = self.shelf.object(input, path)?.attributes()?;
                before = Some((input, all.into_iter().collect::<Result<_>>()?));
            }
            let attribute = before.iter().flat_map(|(_, all)| all).find(|a| *a.name() == name);
            if let Some(attribute) = attribute {
                self.attribute(path, input, attribute, &mut made)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, path: &Name, input: usize, attribute: &Attribute, made: &mut Made<'_>) -> Result<()> {
        let name = attribute.name();
        let joined = self.plan.joined.iter().find(|j| j.path == *path);
        if let Some(joined) = joined
            && *name == *"NAME"
            && let Ok(text) = attribute.read_one::<String>()
            && text.starts_with(NO_VARIABLE)
        {
            let rows = joined.shape.first().copied().unwrap_or(0);
            return made.set(name.as_bytes(), &FixedString(&format!("{NO_VARIABLE}{rows:10}")), None);
        }
        let paths = self.shelf.paths(input, attribute.datatype())?;
        let at = attribute.committed_datatype();
        let items = self.plan.inputs.get(input).map(|i| &i.items);
        let committed = at.and_then(|at| items?.iter().find(|(_, item)| item.address == at)).map(|(path, _)| path);
        let committed = self.committed(committed, &attribute.datatype().with_references_in_new_file()?)?;
        let references = References::new(self.plan, input, paths, self.making.ordered);
        let translate = |r: &crate::Reference| references.translate(r);
        let mut value = attribute.to_copy_with(&translate)?;
        references.prepare(&value, &self.out.root())?;
        // netCDF reads a fill value of the variable's own type only.
        if let Some(joined) = joined.filter(|_| *name == *"_FillValue") {
            value = value.converted_to(&joined.datatype)?;
        }
        made.set(name.as_bytes(), &value, committed.as_ref())
    }

    fn dataset(&mut self, path: &Name) -> Result<()> {
        let plan = self.plan;
        if let Some((n, joined)) = plan.joined.iter().enumerate().find(|(_, j)| j.path == *path) {
            return self.joined(n, joined);
        }
        match plan.kept.get(path) {
            Some(Kept::Of(input)) => self.keep(*input, path, path, None),
            Some(Kept::Each(of)) => {
                for &input in of {
                    let short = plan.inputs.get(input).map_or("", |i: &Input| &i.short);
                    self.keep(input, path, &below(path, short), Some(input))?;
                }
                Ok(())
            }
            Some(Kept::List(labels)) => self.list(path, labels),
            None => Ok(()),
        }
    }

    /// A dataset that waits for its rows, or leads to them.
    fn joined(&mut self, n: usize, joined: &Joined) -> Result<()> {
        let model = self.shelf.dataset(joined.storage.model, &joined.path)?;
        let mut builder = joined.storage.build(&mut self.out, joined, &model)?;
        let form = self.plan.inputs.get(joined.storage.model).and_then(|i| i.dataset(&joined.path)).map(|f| &f.form);
        if let Some(committed) = self.committed(form.and_then(|f| f.committed.as_ref()), &joined.datatype)? {
            builder = builder.committed_datatype(&committed);
        }
        let names = joined.classes.as_ref().filter(|_| joined.list.is_none()).map(|c| &c.names);
        if self.making.mode == Mode::Virtual && virtual_rows::can_lead(joined, self.plan.inputs.len()) {
            let sources = virtual_rows::sources(self.plan, joined, self.making.output)?;
            let fixed: Vec<Option<u64>> = joined.shape.iter().map(|&n| Some(n)).collect();
            let mut made = builder.contiguous().max_shape(fixed).virtual_from(sources)?;
            if let Some(names) = names {
                made.set_attribute(CLASS_NAMES, names)?;
            }
            return self.attributes(&joined.path, None, Made::Object(made));
        }
        let mut made = builder.create()?;
        if let Some(names) = names {
            made.set_attribute(CLASS_NAMES, names)?;
        }
        self.attributes(&joined.path, None, Made::Dataset(&mut made))?;
        if let Some(place) = self.made.get_mut(n) {
            *place = Some(made);
        }
        Ok(())
    }

    /// Copies a dataset that is not joined.
    fn keep(&mut self, input: usize, path: &Name, to: &Name, attributes_of: Option<usize>) -> Result<()> {
        let from = self.shelf.dataset(input, path)?;
        let facts = self.plan.inputs.get(input).and_then(|i| i.dataset(path));
        let datatype = from.datatype().with_references_in_new_file()?;
        let committed = self.committed(facts.and_then(|f| f.form.committed.as_ref()), &datatype)?;
        if from.is_null() {
            let builder = self.out.build(to.as_bytes());
            let made = match &committed {
                Some(committed) => builder.committed_datatype(committed),
                None => builder.datatype(datatype),
            };
            let made = made.create_null()?;
            return self.attributes(path, attributes_of, Made::Object(made));
        }
        let mut builder = self.out.build_like(to.as_bytes(), &from)?;
        if let Some(committed) = &committed {
            builder = builder.committed_datatype(committed);
        }
        let mut made = builder.create()?;
        let references =
            References::new(self.plan, input, self.shelf.paths(input, from.datatype())?, self.making.ordered);
        let translate = |r: &crate::Reference| references.translate(r);
        let root = self.out.root();
        if from.chunk_shape().is_some() && !from.has_plain_edges() && !from.datatype().has_references_to_file() {
            made.copy_chunks(&from)?;
        } else {
            each_part(&from, &mut |part| {
                output::stop_if_asked(self.progress)?;
                let copied = part.to_copy_with(&translate)?;
                references.prepare(&copied, &root)?;
                match part.selection().ranges().filter(|r| !r.is_empty()) {
                    Some(ranges) => made.write_selection(ranges, copied),
                    None => made.append(copied),
                }
            })?;
        }
        if let Some(names) = facts.and_then(|f| f.classes.as_ref()) {
            made.set_attribute(CLASS_NAMES, &**names)?;
        }
        self.attributes(path, attributes_of, Made::Dataset(&mut made))
    }

    /// The united list of class names.
    fn list(&mut self, path: &Name, labels: &Name) -> Result<()> {
        let names = self.plan.joined.iter().find(|j| j.path == *labels).and_then(|j| Some(&j.classes.as_ref()?.names));
        let names = names.map_or(&[][..], |names| names);
        let form = self.plan.inputs.iter().find_map(|i| i.dataset(path)).map(|f| &f.form);
        let mut builder = self.out.build(path.as_bytes());
        if let Some(Datatype::FixedString { size, padding, charset }) = form.map(|f| &f.datatype) {
            let ended = u32::from(*padding == Padding::NullTerminated);
            let longest = names.iter().map(|n| n.len() as u32 + ended).max().unwrap_or(0);
            builder = builder.datatype(Datatype::FixedString {
                size: (*size).max(longest),
                padding: *padding,
                charset: *charset,
            });
        }
        let mut made = builder.write(names)?;
        self.attributes(path, None, Made::Dataset(&mut made))
    }
}
