//! Copied elements as those of another datatype, without loss: what cannot be kept is refused, value by value.

use super::copied::CopiedElements;
use crate::data::convert::{Conversion, Origin};
use crate::data::element::{KeepHeap, trimmed};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, Padding};
use rayon::prelude::*;

/// Bytes of elements that a thread converts at a time.
const PIECE: usize = 256 << 10;

/// How an element becomes one of another datatype.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// It stays as it is; what it leads to is copied.
    Keep(Datatype, Datatype),
    Number(Conversion),
    /// Text of fixed size: how it ends, how it is to end, and the new size.
    Text(Padding, Padding, usize),
    /// Text of fixed size that gets any length.
    LongText(Padding),
    /// Values of an enumeration, sorted, and what they become.
    Names(Vec<(Vec<u8>, Vec<u8>)>),
    Sequence(Repeated),
    Array(Repeated),
    /// The new size; and for each member where it is, where it goes, and how.
    Members(usize, Vec<Moved>),
}

/// The elements of a sequence or an array: their size, and how.
#[derive(Clone, Debug)]
pub(crate) struct Repeated(usize, Box<Step>);

/// A member: its offset and size, the same in the new element, and how.
#[derive(Clone, Debug)]
pub(crate) struct Moved([usize; 2], [usize; 2], Step);

impl Step {
    /// From one datatype to another one that can hold all its values.
    pub(crate) fn new(from: &Datatype, to: &Datatype) -> Result<Step> {
        let refuse = || Error::mismatch(format!("elements of {from} cannot become {to}"));
        if from.with_references_in_new_file()? == *to {
            return Ok(Step::Keep(from.clone(), to.clone()));
        }
        let repeated = |base: &Datatype, new: &Datatype| {
            Ok::<_, Error>(Repeated(base.size() as usize, Box::new(Step::new(base, new)?)))
        };
        match (from, to) {
            (Datatype::VariableString { .. }, Datatype::VariableString { .. }) => {
                Ok(Step::Keep(from.clone(), to.clone()))
            }
            (Datatype::FixedString { padding, .. }, Datatype::VariableString { .. }) => Ok(Step::LongText(*padding)),
            (Datatype::FixedString { padding, .. }, Datatype::FixedString { padding: new, size, .. }) => {
                Ok(Step::Text(*padding, *new, *size as usize))
            }
            (Datatype::Enumeration { members, .. }, Datatype::Enumeration { members: others, .. }) => {
                let mut pairs = Vec::with_capacity(members.len());
                for (name, value) in members {
                    let (_, other) = others.iter().find(|(n, _)| n == name).ok_or_else(refuse)?;
                    pairs.push((value.clone(), other.clone()));
                }
                pairs.sort();
                Ok(Step::Names(pairs))
            }
            (Datatype::Sequence { base, .. }, Datatype::Sequence { base: new, .. }) => {
                Ok(Step::Sequence(repeated(base, new)?))
            }
            (Datatype::Array { dims, base }, Datatype::Array { dims: others, base: new }) if dims == others => {
                Ok(Step::Array(repeated(base, new)?))
            }
            (Datatype::Complex(base), Datatype::Complex(new)) => Ok(Step::Array(repeated(base, new)?)),
            (Datatype::Compound { members, .. }, Datatype::Compound { members: others, size }) => {
                if members.len() != others.len() {
                    return Err(refuse());
                }
                let mut moved = Vec::with_capacity(others.len());
                for new in others {
                    let old = members.iter().find(|m| m.name == new.name).ok_or_else(refuse)?;
                    let step = Step::new(&old.datatype, &new.datatype)?;
                    let place = |m: &crate::datatype::Member| [m.offset as usize, m.datatype.size() as usize];
                    moved.push(Moved(place(old), place(new), step));
                }
                Ok(Step::Members(*size as usize, moved))
            }
            (Datatype::Integer { .. } | Datatype::Float(_), Datatype::Integer { .. } | Datatype::Float(_))
                if from.widened(to).is_some_and(|wide| wide.holds(to)) =>
            {
                let here = Origin { other: None, marked: false };
                Ok(Step::Number(Conversion::new(from, to, here).map_err(|_| refuse())?))
            }
            _ => Err(refuse()),
        }
    }

    /// Appends what an element becomes to `out`; `elements` are those that it is one of.
    pub(super) fn one(
        &self,
        elements: &CopiedElements<'_>,
        element: &[u8],
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match self {
            Step::Keep(from, to) => elements.copy(from, to, element, heap, out),
            Step::LongText(padding) => {
                let text = trimmed(element, *padding);
                if text.contains(&0) {
                    return Err(Error::mismatch("a text with a NUL in it, where it would end as one of any length"));
                }
                out.extend_from_slice(&heap.keep(text.len() as u32, text)?);
                Ok(())
            }
            Step::Sequence(Repeated(size, step)) => {
                let (count, data) = elements.sequence(element, *size as u64)?;
                let mut inner = Vec::with_capacity(data.len());
                data.chunks_exact((*size).max(1)).try_for_each(|e| step.one(elements, e, heap, &mut inner))?;
                out.extend_from_slice(&heap.keep(count as u32, &inner)?);
                Ok(())
            }
            Step::Array(Repeated(size, step)) => {
                element.chunks_exact((*size).max(1)).try_for_each(|e| step.one(elements, e, heap, out))
            }
            Step::Members(size, members) => {
                let start = out.len();
                out.resize(start + size, 0);
                let mut member = Vec::new();
                for Moved(old, new, step) in members {
                    member.clear();
                    step.one(elements, part(element, *old), heap, &mut member)?;
                    put(&mut out[start..], *new, &member)?;
                }
                Ok(())
            }
            Step::Number(_) | Step::Text(..) | Step::Names(_) => self.plain(element, out),
        }
    }

    /// The same for what leads nowhere.
    pub(crate) fn plain(&self, element: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Step::Keep(..) => out.extend_from_slice(element),
            Step::Number(conversion) => out.extend(conversion.all(element)?),
            Step::Text(padding, new, size) => {
                let text = trimmed(element, *padding);
                if text.len() > *size {
                    return Err(Error::mismatch(format!("a text of {} bytes does not fit {size}", text.len())));
                }
                out.extend_from_slice(text);
                let fill = if *new == Padding::SpacePadded { b' ' } else { 0 };
                out.resize(out.len() + size - text.len(), fill);
            }
            Step::Names(pairs) => match pairs.binary_search_by(|(value, _)| value[..].cmp(element)) {
                Ok(at) => out.extend_from_slice(pairs.get(at).map_or(&[], |(_, new)| new)),
                Err(_) => return Err(Error::mismatch("a value that its enumeration has no name for")),
            },
            Step::Array(Repeated(size, step)) => {
                element.chunks_exact((*size).max(1)).try_for_each(|e| step.plain(e, out))?;
            }
            Step::Members(size, members) => {
                let start = out.len();
                out.resize(start + size, 0);
                let mut member = Vec::new();
                for Moved(old, new, step) in members {
                    member.clear();
                    step.plain(part(element, *old), &mut member)?;
                    put(&mut out[start..], *new, &member)?;
                }
            }
            Step::LongText(_) | Step::Sequence(_) => {
                return Err(Error::unsupported("elements of any length in this place"));
            }
        }
        Ok(())
    }
}

fn part(element: &[u8], [at, size]: [usize; 2]) -> &[u8] {
    element.get(at..at + size).unwrap_or_default()
}

fn put(element: &mut [u8], [at, size]: [usize; 2], member: &[u8]) -> Result<()> {
    let place = element.get_mut(at..at + size).filter(|p| p.len() == member.len());
    place.ok_or_else(|| Error::invalid("a member of another size"))?.copy_from_slice(member);
    Ok(())
}

/// Converts elements that lead nowhere, in parallel; `sizes` are those of an element before and after.
pub(super) fn all(step: &Step, bytes: &[u8], (from, to): (usize, usize)) -> Result<Vec<u8>> {
    let piece = (PIECE / from.max(1)).max(1) * from.max(1);
    let one = |bytes: &[u8]| {
        if let Step::Number(conversion) = step {
            return conversion.all(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len() / from.max(1) * to);
        bytes.chunks_exact(from.max(1)).try_for_each(|element| step.plain(element, &mut out))?;
        Ok(out)
    };
    if bytes.len() <= piece {
        return one(bytes);
    }
    let pieces = bytes.par_chunks(piece).map(one).collect::<Result<Vec<_>>>()?;
    Ok(pieces.concat())
}

#[cfg(test)]
mod tests {
    use crate::datatype::{Charset, Datatype, Padding};
    use crate::io::MemoryStore;
    use crate::{Element, ErrorKind, File, FileMut, Result, WithDatatype};

    crate::compound! { struct Narrow { name: String, n: u8, x: f32 } }
    crate::compound! { struct Wide { x: f64, n: i32, name: String } }

    fn file(fill: impl FnOnce(&mut FileMut) -> Result<()>) -> Result<File> {
        let store = MemoryStore::default();
        let mut out = FileMut::on_store(store.clone());
        fill(&mut out)?;
        out.commit()?;
        File::from_bytes(store.bytes())
    }

    /// The elements of `dataset`, written as `datatype`.
    fn as_type(dataset: &crate::Dataset, datatype: &Datatype) -> Result<File> {
        file(|out| {
            let part = dataset.select(..)?;
            out.build("d").write(part.to_copy()?.converted_to(datatype)?).map(drop)
        })
    }

    #[test]
    fn numbers_texts_and_members_widen() {
        let text = |size, padding| Datatype::FixedString { size, padding, charset: Charset::Utf8 };
        let source = file(|out| {
            out.build("n").write([0u8, 200])?;
            let short = ["ab".to_owned(), "c".to_owned()];
            out.build("text").write(WithDatatype::new(&short, text(3, Padding::NullTerminated)))?;
            let row = |name: &str, n| Narrow { name: name.into(), n, x: 0.5 };
            out.build("rows").write([row("a", 1), row("bc", 255)])?;
            Ok(())
        });
        let source = source.unwrap();
        let of = |name: &str| source.dataset(name).unwrap();
        let numbers: Vec<i16> = as_type(&of("n"), &i16::datatype()).unwrap().dataset("d").unwrap().read().unwrap();
        assert_eq!(numbers, [0, 200]);
        for wide in [text(5, Padding::SpacePadded), String::datatype()] {
            let copy = as_type(&of("text"), &wide).unwrap().dataset("d").unwrap();
            assert_eq!((copy.datatype(), copy.read::<Vec<String>>().unwrap()), (&wide, vec!["ab".into(), "c".into()]));
        }
        let rows: Vec<Wide> = as_type(&of("rows"), &Wide::datatype()).unwrap().dataset("d").unwrap().read().unwrap();
        assert_eq!(
            rows.iter().map(|r| (r.x, r.n, r.name.as_str())).collect::<Vec<_>>(),
            [(0.5, 1, "a"), (0.5, 255, "bc")]
        );
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        let source = file(|out| {
            out.build("n").write([300i32])?;
            out.build("x").write([0.1f64])?;
            Ok(())
        });
        let source = source.unwrap();
        for (name, narrow) in
            [("n", u8::datatype()), ("n", f32::datatype()), ("x", f32::datatype()), ("x", i64::datatype())]
        {
            let error = as_type(&source.dataset(name).unwrap(), &narrow).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{name} as {narrow}");
        }
    }
}
