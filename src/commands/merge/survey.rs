//! Pass 1: what is in each file, told from its headers. No elements are read but those of attributes.

use super::attributes::Attributes;
use super::classes::CLASS_NAMES;
use super::inputs::{self, Stamp};
use crate::commands::{Progress, open::Opening, output};
use crate::datatype::{Datatype, Name};
use crate::error::{Error, Result};
use crate::{Dataset, File, FilterInfo, LinkTarget, Object, Reference, Value, Visited};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// A file to merge, and what is in it by path.
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// As the user named it.
    pub(super) name: String,
    /// What it is called in the merged file.
    pub(super) short: Arc<str>,
    pub(super) stamp: Stamp,
    pub(super) items: BTreeMap<Name, Item>,
}

/// What a path leads to.
pub(super) struct Item {
    /// Of the object's header.
    pub(super) address: u64,
    /// When its link was made, where the group knows.
    pub(super) order: Option<i64>,
    pub(super) what: What,
}

pub(super) enum What {
    Group {
        /// Whether it keeps the order in which things were made.
        tracked: bool,
    },
    Dataset(Facts),
    Datatype(Arc<Datatype>),
    Soft(Name),
    External {
        file: Name,
        path: Name,
    },
    /// A further hard link to what is at a path.
    Same(Name),
    Unsupported(&'static str),
}

/// What is known of a dataset.
pub(super) struct Facts {
    pub(super) shape: Vec<u64>,
    pub(super) form: Arc<Form>,
    /// The names of the classes that its values are numbers of.
    pub(super) classes: Option<Arc<Vec<String>>>,
}

/// What datasets of one path usually have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) datatype: Datatype,
    /// The path of its committed datatype.
    pub(super) committed: Option<Name>,
    pub(super) null: bool,
    /// Which dimensions can grow without end.
    pub(super) endless: Vec<bool>,
    pub(super) layout: &'static str,
    pub(super) chunk: Option<Vec<u64>>,
    pub(super) filters: Vec<FilterInfo>,
    pub(super) plain_edges: bool,
    pub(super) fill: Option<Vec<u8>>,
    /// Whether it is a dimension scale.
    pub(super) scale: bool,
    /// For each dimension the path of its first scale.
    pub(super) scales: Vec<Option<Name>>,
}

impl Facts {
    pub(super) fn bytes(&self) -> u64 {
        self.shape.iter().fold(self.form.datatype.size(), |n, &d| n.saturating_mul(d))
    }
}

impl Input {
    pub(super) fn dataset(&self, path: &Name) -> Option<&Facts> {
        match &self.items.get(path)?.what {
            What::Dataset(facts) => Some(facts),
            _ => None,
        }
    }

    pub(super) fn datasets(&self) -> impl Iterator<Item = (&Name, &Facts)> {
        self.items.iter().filter_map(|(path, item)| match &item.what {
            What::Dataset(facts) => Some((path, facts)),
            _ => None,
        })
    }
}

/// What all files hold.
pub(super) struct Survey {
    pub(super) inputs: Vec<Input>,
    pub(super) attributes: Attributes,
    /// What cannot be merged, each with file and path.
    pub(super) conflicts: Vec<String>,
}

/// Looks into all files. What cannot be read in one is a conflict; the others are looked at all the same.
pub(super) fn look(
    paths: Vec<PathBuf>,
    attributes: Attributes,
    opening: &Opening,
    progress: &dyn Progress,
) -> Result<Survey> {
    let shorts = inputs::short_names(&paths);
    let mut survey = Survey { inputs: Vec::with_capacity(paths.len()), attributes, conflicts: Vec::new() };
    let mut forms: HashMap<Name, Arc<Form>> = HashMap::new();
    progress.start("checking", Some(paths.len() as u64));
    for (path, short) in paths.into_iter().zip(shorts) {
        output::stop_if_asked(progress)?;
        let name = output::printable(&path);
        let looked = Stamp::of(&path).and_then(|stamp| Ok((stamp, opening.open(&path)?)));
        let (stamp, file) = match looked {
            Ok(found) => found,
            Err(e) => {
                let e = e.to_string();
                survey.conflicts.push(if e.contains(&name) { e } else { format!("{name}: {e}") });
                continue;
            }
        };
        let number = survey.inputs.len();
        let mut input = Input { path, name, short, stamp, items: BTreeMap::new() };
        let mut one = One { number, input: &mut input, forms: &mut forms, conflicts: &mut survey.conflicts };
        one.look(&file, &mut survey.attributes);
        survey.inputs.push(input);
        progress.advance(1);
    }
    progress.finish();
    Ok(survey)
}

/// One file that is looked into.
struct One<'a> {
    number: usize,
    input: &'a mut Input,
    forms: &'a mut HashMap<Name, Arc<Form>>,
    conflicts: &'a mut Vec<String>,
}

impl One<'_> {
    fn look(&mut self, file: &File, attributes: &mut Attributes) {
        let mut objects: Vec<(Name, Object)> = Vec::new();
        let mut paths: HashMap<u64, Name> = HashMap::new();
        for visit in file.walk() {
            let visit = match visit {
                Ok(visit) => visit,
                Err(e) => {
                    self.complain(None, &e);
                    continue;
                }
            };
            let path = visit.path().clone();
            let mut address = 0;
            let what = match visit.what() {
                Visited::Object(object) => {
                    address = object.address();
                    paths.insert(address, path.clone());
                    objects.push((path, object.clone()));
                    continue_with(&mut self.input.items, &objects, visit.creation_order(), address);
                    continue;
                }
                Visited::Link(LinkTarget::Soft(target)) => What::Soft(target.clone()),
                Visited::Link(LinkTarget::External { file, path }) => {
                    What::External { file: file.clone(), path: path.clone() }
                }
                Visited::Link(_) => What::Unsupported("a user-defined link"),
                Visited::Again(first) => What::Same(first.clone()),
            };
            self.input.items.insert(path, Item { address, order: visit.creation_order(), what });
        }
        for (path, object) in &objects {
            match self.what(path, object, &paths) {
                Ok(what) => {
                    if let Some(item) = self.input.items.get_mut(path) {
                        item.what = what;
                    }
                }
                Err(e) => self.complain(Some(path), &e),
            }
            let conflicts = &mut *self.conflicts;
            if let Err(e) = attributes.look((self.number, &self.input.name), path, object, &paths, conflicts) {
                self.complain(Some(path), &e);
            }
        }
    }

    fn complain(&mut self, path: Option<&Name>, e: &Error) {
        let object = path.map(Name::to_string).or_else(|| e.object().map(str::to_owned)).unwrap_or_default();
        self.conflicts.push(format!("{}::{object} cannot be read: {}", self.input.name, e.message()));
    }

    fn what(&mut self, path: &Name, object: &Object, paths: &HashMap<u64, Name>) -> Result<What> {
        Ok(match object {
            Object::Group(group) => What::Group { tracked: group.tracks_creation_order()? },
            Object::Datatype(named) => What::Datatype(Arc::new(named.datatype().clone())),
            Object::Dataset(dataset) => {
                let form = form(dataset, paths)?;
                let known = self.forms.get(path).filter(|known| ***known == form).cloned();
                let form = known.unwrap_or_else(|| {
                    let form = Arc::new(form);
                    self.forms.insert(path.clone(), form.clone());
                    form
                });
                let classes = class_names(dataset)?.map(Arc::new);
                What::Dataset(Facts { shape: dataset.shape().to_vec(), form, classes })
            }
        })
    }
}

/// Notes an object whose facts follow, once all paths are known.
fn continue_with(items: &mut BTreeMap<Name, Item>, objects: &[(Name, Object)], order: Option<i64>, address: u64) {
    if let Some((path, _)) = objects.last() {
        let what = What::Unsupported("an object that cannot be read");
        items.insert(path.clone(), Item { address, order, what });
    }
}

fn form(dataset: &Dataset, paths: &HashMap<u64, Name>) -> Result<Form> {
    let scale = text(dataset, "CLASS")?.is_some_and(|class| class == "DIMENSION_SCALE");
    let mut scales = vec![None; dataset.shape().len()];
    if let Some(list) = dataset.attribute("DIMENSION_LIST")? {
        for (scale, value) in scales.iter_mut().zip(list.values(usize::MAX)?) {
            *scale = first_reference(&value).and_then(|to| paths.get(&to.address()?)).cloned();
        }
    }
    Ok(Form {
        datatype: dataset.datatype().clone(),
        committed: dataset.committed_datatype().and_then(|address| paths.get(&address)).cloned(),
        null: dataset.is_null(),
        endless: dataset.max_shape().iter().map(Option::is_none).collect(),
        layout: dataset.layout(),
        chunk: dataset.chunk_shape().map(<[u64]>::to_vec),
        filters: dataset.filters().to_vec(),
        plain_edges: dataset.has_plain_edges(),
        fill: dataset.fill_value()?,
        scale,
        scales,
    })
}

fn first_reference(value: &Value) -> Option<&Reference> {
    match value {
        Value::Reference { to, .. } => Some(to),
        Value::Sequence(values) => values.first().and_then(first_reference),
        _ => None,
    }
}

fn text(dataset: &Dataset, name: &str) -> Result<Option<String>> {
    let attribute = dataset.attribute(name)?.filter(|a| a.datatype().is_string());
    Ok(attribute.and_then(|a| a.read_one::<String>().ok()))
}

/// The names of classes that a dataset has as its attribute: one text for each, or all of them in one.
fn class_names(dataset: &Dataset) -> Result<Option<Vec<String>>> {
    let Some(attribute) = dataset.attribute(CLASS_NAMES)?.filter(|a| a.datatype().is_string()) else {
        return Ok(None);
    };
    let names: Vec<String> = attribute.read()?;
    Ok(Some(match names.as_slice() {
        [joined] if joined.starts_with('[') => serde_json::from_str(joined).unwrap_or(names),
        [joined] if joined.contains('\n') => joined.lines().map(str::to_owned).collect(),
        _ => names,
    }))
}
