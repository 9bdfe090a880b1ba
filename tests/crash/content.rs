//! What is in a file, in words: all that a reader can see.

use h5manager::{File, Object, Result, Visited};
use std::fmt::Write as _;

fn attributes(object: &Object, out: &mut String) -> Result<()> {
    for attribute in object.attributes()? {
        let a = attribute?;
        let (order, values) = (a.creation_order(), a.values(usize::MAX)?);
        writeln!(out, "  @{} {} {:?} {order:?} = {values:?}", a.name(), a.datatype(), a.shape()).unwrap();
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
                    let values = d.select(..)?.values()?;
                    writeln!(out, "  {} {:?} {:?} {values:?}", d.datatype(), d.shape(), d.max_shape()).unwrap();
                }
            }
            Visited::Again(first) => writeln!(out, "  is {first}").unwrap(),
            Visited::Link(target) => writeln!(out, "  to {target:?}").unwrap(),
            _ => {}
        }
    }
    Ok(out)
}
