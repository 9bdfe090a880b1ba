//! What is in a file, in words: all that a reader can see. Elements that lead nowhere are a hash of their bytes, for those
//! of random files are many, and this is done often.

use h5manager::datatype::Datatype;
use h5manager::{File, Object, Result, Value, Visited};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

fn elements(
    datatype: &Datatype,
    stored: impl FnOnce() -> Result<Vec<u8>>,
    values: impl FnOnce() -> Result<Vec<Value>>,
) -> Result<String> {
    if datatype.has_references_to_file() {
        return Ok(format!("{:?}", values()?));
    }
    let mut hasher = DefaultHasher::new();
    stored()?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn attributes(object: &Object, out: &mut String) -> Result<()> {
    for attribute in object.attributes()? {
        let a = attribute?;
        let elements = elements(a.datatype(), || Ok(a.stored().to_vec()), || a.values(usize::MAX))?;
        let (name, order) = (a.name(), a.creation_order());
        writeln!(out, "  @{name} {} {:?} {order:?} = {elements}", a.datatype(), a.shape()).unwrap();
    }
    Ok(())
}

/// Everything in a file.
pub(crate) fn describe(file: &File) -> Result<String> {
    let mut out = String::new();
    for visit in file.walk() {
        let visit = visit?;
        writeln!(out, "{} {:?}", visit.path(), visit.creation_order()).unwrap();
        match visit.what() {
            Visited::Object(object) => {
                attributes(object, &mut out)?;
                if let Object::Dataset(d) = object {
                    let all = d.select(..)?;
                    let elements = elements(d.datatype(), || all.read_stored(), || all.values())?;
                    writeln!(out, "  {} {:?} {:?} {elements}", d.datatype(), d.shape(), d.max_shape()).unwrap();
                }
            }
            Visited::Again(first) => writeln!(out, "  is {first}").unwrap(),
            Visited::Link(target) => writeln!(out, "  to {target:?}").unwrap(),
            _ => {}
        }
    }
    Ok(out)
}
