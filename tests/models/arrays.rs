//! Arrays of elements of every datatype, in memory.

use super::choices::Choices;
use h5manager::compound::KeepHeap;
use h5manager::datatype::{
    Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Normalization, Padding, ReferenceKind,
};
use h5manager::{ArrayLike, Element, Reference, Result, VarLen};
use std::ops::Range;

h5manager::compound! {
    /// Numbers beside what has data elsewhere.
    pub(crate) struct Mixed { pub(crate) number: f64, pub(crate) name: String, pub(crate) list: VarLen<i16> }
}

/// An element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// As it is stored.
    Raw(Vec<u8>),
    Text(String),
    List(Vec<i32>),
    Mixed(f64, String, Vec<i16>),
    /// A reference to an object of the model, by its number, or to nothing.
    Lead(Option<usize>),
}

/// Bytes of an element whose datatype is nested deep.
const LARGEST: u64 = 512;

/// In place of an object's number: a reference may lead to any, or to none.
pub(crate) const ANYTHING: usize = usize::MAX;

/// What elements are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Raw(Datatype),
    Text,
    List,
    Mixed,
    Lead,
}

/// Elements of one kind in a shape; no shape is a null dataspace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) kind: Kind,
    pub(crate) shape: Option<Vec<u64>>,
    pub(crate) cells: Vec<Cell>,
}

impl Kind {
    pub(crate) fn datatype(&self) -> Datatype {
        match self {
            Kind::Raw(datatype) => datatype.clone(),
            Kind::Text => String::datatype(),
            Kind::List => VarLen::<i32>::datatype(),
            Kind::Mixed => Mixed::datatype(),
            Kind::Lead => Datatype::reference(ReferenceKind::Object),
        }
    }

    /// What elements hold that nobody wrote.
    pub(crate) fn zero(&self) -> Cell {
        match self {
            Kind::Raw(datatype) => Cell::Raw(vec![0; datatype.size() as usize]),
            Kind::Text => Cell::Text(String::new()),
            Kind::List => Cell::List(Vec::new()),
            Kind::Mixed => Cell::Mixed(0.0, String::new(), Vec::new()),
            Kind::Lead => Cell::Lead(None),
        }
    }

    /// Any one; `objects` is how many there are that references may lead to.
    pub(crate) fn any(c: &mut Choices<'_>) -> Kind {
        match c.below(8) {
            4 => Kind::Text,
            5 => Kind::List,
            6 => Kind::Mixed,
            7 => Kind::Lead,
            // Large elements only take time.
            _ => Kind::Raw(Some(datatype(c, 2)).filter(|d| d.size() <= LARGEST).unwrap_or_else(|| datatype(c, 1))),
        }
    }

    /// As many elements; references lead to one of `objects`.
    pub(crate) fn cells(&self, c: &mut Choices<'_>, n: usize, objects: &[usize]) -> Vec<Cell> {
        let data = c.data(n.max(1));
        let cell = |i: usize| {
            let seed = data[i];
            match self {
                Kind::Raw(datatype) => {
                    let stirred = |j: usize| seed.wrapping_mul(31).wrapping_add((i * 7 + j * 13) as u8);
                    Cell::Raw((0..datatype.size() as usize).map(stirred).collect())
                }
                Kind::Text => Cell::Text(text(seed)),
                Kind::List => Cell::List((0..i32::from(seed % 5)).collect()),
                Kind::Mixed => Cell::Mixed(f64::from(seed) / 2.0, text(seed), (0..i16::from(seed % 3)).collect()),
                Kind::Lead if objects.is_empty() || seed.is_multiple_of(4) => Cell::Lead(None),
                Kind::Lead => Cell::Lead(Some(objects[usize::from(seed) % objects.len()])),
            }
        };
        (0..n).map(cell).collect()
    }
}

fn text(seed: u8) -> String {
    match seed % 5 {
        0 => String::new(),
        1 => "größe".into(),
        n => "text ".repeat(usize::from(n) + usize::from(seed / 32)),
    }
}

impl Array {
    /// Any array for an attribute or a dataset.
    pub(crate) fn any(c: &mut Choices<'_>, objects: &[usize]) -> Array {
        let kind = Kind::any(c);
        let shape = match c.below(9) {
            0 => Some(vec![]),
            8 => None,
            n => Some((0..1 + n % 3).map(|_| c.below(6) as u64).collect()),
        };
        Array::in_shape(c, kind, shape, objects)
    }

    pub(crate) fn in_shape(c: &mut Choices<'_>, kind: Kind, shape: Option<Vec<u64>>, objects: &[usize]) -> Array {
        let n = shape.as_ref().map_or(0, |s| s.iter().product::<u64>());
        let cells = kind.cells(c, n as usize, objects);
        Array { kind, shape, cells }
    }

    /// The array as it can be written, where `reference` knows the objects of the model.
    pub(crate) fn to_write<'a>(&'a self, reference: &mut dyn FnMut(usize) -> Result<Reference>) -> Result<ToWrite<'a>> {
        let mut leads = Vec::new();
        for cell in &self.cells {
            if let Cell::Lead(to) = cell {
                leads.push(to.map_or(Ok(Reference::Null), &mut *reference)?);
            }
        }
        Ok(ToWrite { array: self, leads })
    }

    /// Lets references lead to the new objects, or to nothing where there is none. Those to objects that are `gone` may lead
    /// to anything: another object may have come to their place.
    pub(crate) fn lead_to(&mut self, new: &std::collections::BTreeMap<usize, usize>, gone: impl Fn(usize) -> bool) {
        for cell in &mut self.cells {
            if let Cell::Lead(to) = cell {
                *to = to.and_then(|node| if gone(node) { Some(ANYTHING) } else { new.get(&node).copied() });
            }
        }
    }
}

/// An array whose references are known.
pub(crate) struct ToWrite<'a> {
    array: &'a Array,
    leads: Vec<Reference>,
}

impl ArrayLike for ToWrite<'_> {
    fn shape(&self) -> Vec<u64> {
        self.array.shape.clone().unwrap_or_default()
    }

    fn element_datatype(&self) -> Datatype {
        self.array.kind.datatype()
    }

    fn is_null(&self) -> bool {
        self.array.shape.is_none()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if *datatype != self.array.kind.datatype() {
            return Err(h5manager::Error::new(h5manager::ErrorKind::Mismatch, "another datatype"));
        }
        for i in range {
            match &self.array.cells[i] {
                Cell::Raw(bytes) => out.extend_from_slice(bytes),
                Cell::Text(text) => [text.clone()].store(0..1, datatype, heap, out)?,
                Cell::List(list) => [VarLen(list.clone())].store(0..1, datatype, heap, out)?,
                Cell::Mixed(number, name, list) => {
                    let mixed = Mixed { number: *number, name: name.clone(), list: VarLen(list.clone()) };
                    [mixed].store(0..1, datatype, heap, out)?;
                }
                Cell::Lead(_) => [self.leads[i].clone()].store(0..1, datatype, heap, out)?,
            }
        }
        Ok(())
    }
}

/// One element as a fill value.
pub(crate) struct One(pub(crate) Kind, pub(crate) Cell);

impl ArrayLike for One {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn element_datatype(&self) -> Datatype {
        self.0.datatype()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let array = Array { kind: self.0.clone(), shape: Some(Vec::new()), cells: vec![self.1.clone()] };
        ToWrite { array: &array, leads: vec![Reference::Null] }.store(range, datatype, heap, out)
    }
}

/// A datatype whose elements hold everything themselves, nested at most `deep`.
fn datatype(c: &mut Choices<'_>, deep: usize) -> Datatype {
    let order = |c: &mut Choices<'_>| if c.one_in(3) { ByteOrder::Big } else { ByteOrder::Little };
    let size = |c: &mut Choices<'_>| [1u32, 2, 4, 8][c.below(4)];
    match c.below(if deep > 0 { 14 } else { 10 }) {
        1 => Datatype::Float(Float::ieee([2, 4, 8][c.below(3)], order(c))),
        2 => Datatype::BitField(Bits::full(size(c), order(c))),
        3 => Datatype::Opaque { size: 1 + c.below(9) as u32, tag: Name::from(["", "any bytes"][c.below(2)]) },
        4 => {
            let charset = [Charset::Ascii, Charset::Utf8][c.below(2)];
            let padding = [Padding::NullTerminated, Padding::NullPadded, Padding::SpacePadded][c.below(3)];
            Datatype::FixedString { size: 1 + c.below(12) as u32, padding, charset }
        }
        5 => {
            let bits = Bits { size: 4, order: order(c), offset: c.below(9) as u16, precision: 1 + c.below(20) as u16 };
            Datatype::Integer { bits, signed: c.one_in(2) }
        }
        6 => {
            let base = Datatype::Integer { bits: Bits::full(2, ByteOrder::Little), signed: true };
            let members = (0..1 + c.below(4) as u8).map(|i| (Name::from(format!("m{i}").as_str()), vec![i, 0]));
            Datatype::Enumeration { base: Box::new(base), members: members.collect() }
        }
        7 => Datatype::Time(Bits::full(4, ByteOrder::Little)),
        8 => {
            let bits = Bits { size: 2, order: ByteOrder::Little, offset: 0, precision: 16 };
            let norm = Normalization::Implied;
            let (exponent_bits, mantissa_bits, bias) = (8, 7, 127);
            let (sign, exponent, mantissa) = (15, 7, 0);
            Datatype::Float(Float { bits, sign, exponent, exponent_bits, mantissa, mantissa_bits, bias, norm })
        }
        10 | 11 => {
            let dims = (0..1 + c.below(3)).map(|_| 1 + c.below(3) as u32).collect();
            Datatype::Array { dims, base: Box::new(datatype(c, deep - 1)) }
        }
        12 | 13 => {
            let (mut members, mut offset) = (Vec::new(), 0);
            for i in 0..1 + c.below(4) {
                offset += c.below(3) as u32;
                let datatype = datatype(c, deep - 1);
                let size = datatype.size() as u32;
                members.push(Member { name: Name::from(format!("field {i}").as_str()), offset, datatype });
                offset += size;
            }
            Datatype::Compound { size: offset + c.below(4) as u32, members }
        }
        _ => Datatype::Integer { bits: Bits::full(size(c), order(c)), signed: c.one_in(2) },
    }
}
