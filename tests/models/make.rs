//! A random file, written by the builder.

use super::arrays::{Array, Cell, Kind, One};
use super::choices::Choices;
use super::model::{Data, LinkTo, Model, What};
use h5manager::filter::{BitshuffleCodec, BloscCodec, FilterSpec, SzipCoding};
use h5manager::io::MemoryStore;
use h5manager::{
    AllocationTime, ArrayLike, CreateOptions, DatasetBuilder, DatasetMut, Error, ErrorKind, FileMut, FillTime,
    GroupMut, LibVer, ObjectMut, Reference, Result,
};

pub(crate) const BOUNDS: [LibVer; 6] =
    [LibVer::V18, LibVer::Earliest, LibVer::V110, LibVer::V112, LibVer::V114, LibVer::V200];

const NAMES: &[&str] = &["a", "b", "c", "d", "größe", "f f", "g"];

/// A name: mostly short, now and then a long one.
pub(crate) fn name(c: &mut Choices<'_>) -> String {
    match c.below(24) {
        23 => "long ".repeat(1 + c.below(400)),
        n => NAMES[n % NAMES.len()].into(),
    }
}

enum Handle {
    Group(GroupMut),
    Data(DatasetMut),
    Object(ObjectMut),
}

impl Handle {
    fn set_attribute(&mut self, name: &str, value: &dyn ArrayLike) -> Result<()> {
        match self {
            Handle::Group(g) => g.set_attribute(name, value),
            Handle::Data(d) => d.set_attribute(name, value),
            Handle::Object(o) => o.set_attribute(name, value),
        }
    }
}

/// The bytes of a random file, and what must be in it.
pub(crate) fn file(c: &mut Choices<'_>, most_objects: usize) -> (Model, Vec<u8>) {
    let (libver, ordered) = (c.pick(&BOUNDS), c.one_in(3));
    let mut options = CreateOptions::new().libver(libver).track_order(ordered);
    if c.one_in(6) {
        options = options.user_block("before\n".repeat(1 + c.below(100)));
    }
    let store = MemoryStore::default();
    let mut out = FileMut::on_store_with(store.clone(), options).expect("options that fit each other");
    let mut made = Making { model: Model::new(ordered), handles: vec![Handle::Group(out.root())], libver, ordered };
    for _ in 0..1 + c.below(most_objects) {
        made.step(c, &mut out);
        if c.is_empty() {
            break;
        }
    }
    let model = made.model;
    drop(made.handles);
    out.commit().expect("a file that can be finished");
    (model, store.bytes())
}

struct Making {
    model: Model,
    handles: Vec<Handle>,
    libver: LibVer,
    ordered: bool,
}

/// Whether something was made; what asks for the impossible must be refused for a reason that is one.
pub(crate) fn fine<T>(result: Result<T>) -> Option<T> {
    let allowed = [ErrorKind::Invalid, ErrorKind::Unsupported, ErrorKind::Limit, ErrorKind::Mismatch];
    result.map_err(|e| assert!(allowed.contains(&e.kind()), "{e}")).ok()
}

impl Making {
    fn step(&mut self, c: &mut Choices<'_>, out: &mut FileMut) {
        let groups: Vec<usize> = (0..self.model.nodes.len()).filter(|&n| self.model.is_group(n)).collect();
        let group = c.pick(&groups);
        let what = c.below(16);
        if what >= 12 {
            return self.attribute(c, out);
        }
        let name = name(c);
        let Handle::Group(handle) = &self.handles[group] else { return };
        let mut handle = handle.clone();
        if self.model.link(group, &name).is_some() {
            let taken = handle.link_soft(&name, "/").expect_err("a name that is taken");
            assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
            return;
        }
        let to = match what {
            0..=4 => return self.dataset(c, out, group, &mut handle, &name),
            5 | 6 => {
                let made = handle.create_group(&name).expect("a group");
                return self.added(group, &name, What::Group(Vec::new()), Handle::Group(made));
            }
            7 => {
                let datatype = Kind::any(c).datatype();
                let Some(made) = fine(handle.commit_datatype(&name, datatype.clone())) else { return };
                return self.added(group, &name, What::Type(datatype), Handle::Object(made));
            }
            8 => LinkTo::Soft(["/a", "b", "nowhere"][c.below(3)].into()),
            9 => LinkTo::External("other.h5".into(), "/x".into()),
            10 => LinkTo::User(65 + c.byte() % 190, c.data(9)),
            _ => {
                let node = c.below(self.model.nodes.len());
                let reached = self.model.reached();
                let Some((_, path)) = reached.iter().find(|(n, _)| *n == node) else { return };
                let name = if group == 0 { name.clone() } else { format!("{}/{name}", handle.path()) };
                out.root().link_hard(&name, path).expect("a hard link");
                LinkTo::Node(node)
            }
        };
        match &to {
            LinkTo::Soft(path) => handle.link_soft(&name, path).expect("a soft link"),
            LinkTo::External(file, path) => handle.link_external(&name, file, path).expect("an external link"),
            LinkTo::User(class, data) => handle.link_user(&name, *class, data).expect("a link"),
            LinkTo::Node(_) => {}
        }
        self.model.links_mut(group).push((name, to));
    }

    fn added(&mut self, group: usize, name: &str, what: What, handle: Handle) {
        let node = self.model.add(what, self.ordered);
        self.model.links_mut(group).push((name.into(), LinkTo::Node(node)));
        self.handles.push(handle);
    }

    fn attribute(&mut self, c: &mut Choices<'_>, out: &FileMut) {
        let node = c.below(self.model.nodes.len());
        let reached = self.model.reached();
        let objects: Vec<usize> = reached.iter().map(|(n, _)| *n).collect();
        let name = format!("{}{}", name(c), c.below(20));
        let array = Array::any(c, &objects);
        let value = array.to_write(&mut |n| reference(out, &reached, n)).expect("references");
        if fine(self.handles[node].set_attribute(&name, &value)).is_some() {
            self.model.set_attribute(node, &name, array);
        }
    }

    fn dataset(&mut self, c: &mut Choices<'_>, out: &FileMut, group: usize, to: &mut GroupMut, name: &str) {
        let reached = self.model.reached();
        let objects: Vec<usize> = reached.iter().map(|(n, _)| *n).collect();
        let plan = Plan::any(c, &objects, self.libver, self.ordered);
        let mut committed = None;
        let mut builder = to.build(name);
        if c.one_in(8)
            && let Some((node, What::Type(datatype))) =
                self.model.nodes.iter().map(|n| &n.what).enumerate().find(|(_, w)| matches!(w, What::Type(_)))
            && *datatype == plan.array.kind.datatype()
            && let Handle::Object(handle) = &self.handles[node]
        {
            builder = builder.committed_datatype(handle);
            committed = Some(node);
        }
        let made = match plan.write(c, builder, &mut |n| reference(out, &reached, n)) {
            Ok(made) => made,
            Err(e) => {
                fine::<()>(Err(e));
                return;
            }
        };
        let (data, handle) = made;
        let handle = match handle {
            Made::Data(d) => Handle::Data(d),
            Made::Null(o) => Handle::Object(o),
        };
        self.added(group, name, What::Data(Data { committed, ..data }), handle);
        if let Some(node) = self.model.nodes.last_mut() {
            node.ordered = plan.ordered;
        }
    }
}

fn reference(out: &FileMut, reached: &[(usize, String)], node: usize) -> Result<Reference> {
    let found = reached.iter().find(|(n, _)| *n == node);
    let (_, path) = found.ok_or_else(|| Error::new(ErrorKind::NotFound, "an object without a path"))?;
    out.reference(path)
}

/// A dataset to be made.
pub(crate) struct Plan {
    pub(crate) array: Array,
    max: Vec<Option<u64>>,
    chunk: Option<Vec<u64>>,
    compact: bool,
    filters: Vec<FilterSpec>,
    fill: Option<Cell>,
    fill_time: FillTime,
    allocation: Option<AllocationTime>,
    plain_edges: bool,
    pub(crate) ordered: bool,
}

pub(crate) enum Made {
    Data(DatasetMut),
    Null(ObjectMut),
}

fn filter(c: &mut Choices<'_>) -> FilterSpec {
    match c.below(12) {
        0 | 1 => FilterSpec::deflate(c.below(10) as u32),
        2 => FilterSpec::shuffle(),
        3 => FilterSpec::fletcher32(),
        4 => FilterSpec::lzf(),
        5 => FilterSpec::lz4(),
        6 => FilterSpec::zstd(3),
        7 => FilterSpec::bzip2(1),
        8 => FilterSpec::szip([SzipCoding::Entropy, SzipCoding::NearestNeighbour][c.below(2)], 8),
        9 => FilterSpec::blosc([BloscCodec::BloscLz, BloscCodec::Lz4][c.below(2)], 5),
        10 => FilterSpec::bitshuffle(BitshuffleCodec::Lz4),
        _ => FilterSpec::bitshuffle(BitshuffleCodec::None),
    }
}

impl Plan {
    pub(crate) fn any(c: &mut Choices<'_>, objects: &[usize], libver: LibVer, ordered: bool) -> Plan {
        let array = Array::any(c, objects);
        let shape = array.shape.clone().unwrap_or_default();
        let max: Vec<Option<u64>> = shape
            .iter()
            .map(|&d| match c.below(5) {
                1 | 2 => None,
                3 => Some(d + c.below(9) as u64),
                _ => Some(d),
            })
            .collect();
        let chunked = !shape.is_empty() && !c.one_in(4);
        let largest = |d: usize| max[d].unwrap_or(u64::MAX).max(1);
        let chunk = (0..shape.len()).map(|d| (1 + c.below(6) as u64).min(largest(d))).collect();
        let filters = if c.one_in(2) { (0..1 + c.below(2)).map(|_| filter(c)).collect() } else { Vec::new() };
        Plan {
            max: if chunked { max } else { shape.iter().map(|&d| Some(d)).collect() },
            chunk: chunked.then_some(chunk),
            compact: !chunked && c.one_in(3),
            filters: if chunked { filters } else { Vec::new() },
            fill: c.one_in(3).then(|| array.kind.cells(c, 1, &[]).remove(0)),
            fill_time: c.pick(&[FillTime::IfSet, FillTime::IfSet, FillTime::Allocation]),
            allocation: match c.below(6) {
                1 => Some(AllocationTime::Early),
                2 => Some(AllocationTime::Late),
                3 => Some(AllocationTime::Incremental),
                _ => None,
            },
            plain_edges: chunked && libver >= LibVer::V110 && c.one_in(5),
            ordered: ordered || c.one_in(6),
            array,
        }
    }

    /// Makes it, and writes all of it, a part, or nothing.
    pub(crate) fn write(
        &self,
        c: &mut Choices<'_>,
        builder: DatasetBuilder,
        reference: &mut dyn FnMut(usize) -> Result<Reference>,
    ) -> Result<(Data, Made)> {
        let zero = self.array.kind.zero();
        let mut data = Data {
            array: self.array.clone(),
            max: self.max.clone(),
            fill: self.fill.clone().unwrap_or(zero),
            chunked: self.chunk.is_some(),
            committed: None,
        };
        let Some(shape) = &self.array.shape else {
            let builder = builder.track_order(self.ordered).datatype(self.array.kind.datatype());
            return Ok((data, Made::Null(builder.create_null()?)));
        };
        let builder = self.describe(builder, shape);
        data.array.cells = vec![data.fill.clone(); self.array.cells.len()];
        let whole = self.array.to_write(reference)?;
        let made = match c.below(5) {
            1 => builder.create()?,
            2 => self.pieces(c, builder, &mut data, reference)?,
            3 => self.boxes(c, builder, &mut data, reference)?,
            _ => {
                data.array.cells = self.array.cells.clone();
                builder.write(whole)?
            }
        };
        Ok((data, Made::Data(made)))
    }

    fn describe(&self, builder: DatasetBuilder, shape: &[u64]) -> DatasetBuilder {
        let mut builder = builder
            .datatype(self.array.kind.datatype())
            .shape(shape)
            .fill_time(self.fill_time)
            .track_order(self.ordered);
        if let Some(chunk) = &self.chunk {
            builder = builder.chunks(chunk).max_shape(&self.max);
        }
        if self.compact {
            builder = builder.compact();
        }
        if let Some(fill) = &self.fill {
            builder = builder.fill_value(One(self.array.kind.clone(), fill.clone()));
        }
        if let Some(time) = self.allocation {
            builder = builder.allocation(time);
        }
        if self.plain_edges {
            builder = builder.plain_edges();
        }
        self.filters.iter().cloned().fold(builder, DatasetBuilder::filter)
    }

    /// Rows are appended in pieces, as many as there are, or not all of them.
    fn pieces(
        &self,
        c: &mut Choices<'_>,
        builder: DatasetBuilder,
        data: &mut Data,
        reference: &mut dyn FnMut(usize) -> Result<Reference>,
    ) -> Result<DatasetMut> {
        let shape = self.array.shape.clone().unwrap_or_default();
        let mut made = builder.create()?;
        let rows = shape.first().copied().unwrap_or(1);
        let row = self.array.cells.len() as u64 / rows.max(1);
        let mut from = 0;
        while from < rows && row > 0 {
            let to = rows.min(from + 1 + c.below(3) as u64);
            let cells = &self.array.cells[(from * row) as usize..(to * row) as usize];
            append(&mut made, &self.array.kind, cells, reference)?;
            data.array.cells[(from * row) as usize..(to * row) as usize].clone_from_slice(cells);
            from = to;
            if c.one_in(5) {
                break;
            }
        }
        Ok(made)
    }

    /// Boxes are written anywhere.
    fn boxes(
        &self,
        c: &mut Choices<'_>,
        builder: DatasetBuilder,
        data: &mut Data,
        reference: &mut dyn FnMut(usize) -> Result<Reference>,
    ) -> Result<DatasetMut> {
        let mut made = builder.create()?;
        for _ in 0..1 + c.below(4) {
            let Some((start, extent)) = any_box(c, &made.shape()) else { break };
            let count = extent.iter().product::<u64>() as usize;
            let cells: Vec<Cell> = self.array.cells.iter().cycle().take(count).cloned().collect();
            let part = Array { kind: self.array.kind.clone(), shape: Some(extent.clone()), cells };
            let ranges = selection(&start, &extent);
            made.write_selection(ranges, part.to_write(reference)?)?;
            data.write(&start, &extent, &part.cells);
        }
        Ok(made)
    }
}

fn append(
    made: &mut DatasetMut,
    kind: &Kind,
    cells: &[Cell],
    reference: &mut dyn FnMut(usize) -> Result<Reference>,
) -> Result<()> {
    let part = Array { kind: kind.clone(), shape: Some(vec![cells.len() as u64]), cells: cells.to_vec() };
    made.append(part.to_write(reference)?)
}

/// A box that is not empty; nothing where there is none.
pub(crate) fn any_box(c: &mut Choices<'_>, shape: &[u64]) -> Option<(Vec<u64>, Vec<u64>)> {
    let mut found = (Vec::new(), Vec::new());
    for &d in shape {
        if d == 0 {
            return None;
        }
        let start = c.below(d as usize) as u64;
        found.0.push(start);
        found.1.push(1 + c.below((d - start) as usize) as u64);
    }
    Some(found)
}

pub(crate) fn selection(start: &[u64], extent: &[u64]) -> h5manager::Hyperslab {
    let ones = vec![1; start.len()];
    h5manager::Hyperslab { start: start.to_vec(), stride: ones.clone(), count: extent.to_vec(), block: ones }
}
