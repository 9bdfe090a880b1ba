//! libhdf5's own filters held against libhdf5, chunk by chunk: the parameters, what is decoded, what is encoded. The
//! chunks come from `tests/interop/builtin_filters.py`.

use super::registry::find;
use super::set_local::{Target, set_local};
use super::{Call, SHUFFLE, shuffle};
use crate::format::message::datatype;
use std::path::Path;
use std::process::Command;

struct Vector<'a> {
    name: &'a str,
    filter: u16,
    user: Vec<u32>,
    parameters: Vec<u32>,
    datatype: Vec<u8>,
    shape: Vec<u64>,
    fill: Option<Vec<u8>>,
    raw: Vec<u8>,
    read: Vec<u8>,
    stored: Vec<u8>,
    skipped: bool,
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    hexadecimal.trim_matches('-').as_bytes().as_chunks().0.iter().map(|&[a, b]| digit(a) << 4 | digit(b)).collect()
}

fn numbers(list: &str) -> Vec<u32> {
    list.trim_matches('-').split_terminator(',').map(|n| n.parse().unwrap()).collect()
}

impl<'a> Vector<'a> {
    fn of(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[name, filter, user, parameters, datatype, shape, fill, raw, read, stored, mask] = &fields[..] else {
            panic!("{} fields", fields.len());
        };
        Vector {
            name,
            filter: filter.parse().unwrap(),
            user: numbers(user),
            parameters: numbers(parameters),
            datatype: bytes(datatype),
            shape: numbers(shape).into_iter().map(u64::from).collect(),
            fill: (fill != "-").then(|| bytes(fill)),
            raw: bytes(raw),
            read: bytes(read),
            stored: bytes(stored),
            skipped: mask != "0",
        }
    }

    /// What differs from libhdf5.
    fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (datatype, _) = datatype::decode(&self.datatype).unwrap();
        let target = Target { datatype: &datatype, chunk: &self.shape, fill: self.fill.as_deref() };
        let loses_members = self.name.contains("get lost");
        match set_local(self.filter, &self.user, &target) {
            Ok(ours) if ours == self.parameters => {}
            Err(e) if loses_members && e.kind() == crate::ErrorKind::Unsupported => {}
            other => found.push(format!("parameters {other:?}, libhdf5 has {:?}", self.parameters)),
        }
        if self.raw.is_empty() {
            return found;
        }
        if self.filter == SHUFFLE {
            assert_eq!(shuffle::shuffle(&self.raw, self.parameters[0] as usize), self.stored);
            return found;
        }
        let (name, filter) = find(self.filter).unwrap();
        let call = Call { parameters: &self.parameters, most: self.raw.len(), name: &name };
        let mut out = Vec::new();
        let encoded = filter.encode(&self.raw, &call, &mut out).unwrap();
        if encoded == (self.skipped || loses_members) || (encoded && out != self.stored) {
            found.push(format!("encoded {encoded} {out:02x?}, libhdf5 {:02x?}", self.stored));
        }
        if !self.skipped {
            out.clear();
            match filter.decode(&self.stored, &call, &mut out) {
                Ok(()) if out == self.read => {}
                Err(_) if self.read.is_empty() => {}
                other => found.push(format!("decoded {other:?} {out:02x?}, libhdf5 {:02x?}", self.read)),
            }
        }
        found
    }
}

#[test]
fn chunks_are_those_of_libhdf5() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("chunks");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/builtin_filters.py");
    assert!(Command::new(python).arg(script).arg(&list).status().unwrap().success(), "the script needs h5py");
    let (mut count, mut wrong) = (0, Vec::new());
    for line in std::fs::read_to_string(&list).unwrap().lines() {
        let vector = Vector::of(line);
        count += 1;
        wrong.extend(vector.differences().into_iter().map(|what| format!("{}: {what:.600}", vector.name)));
    }
    assert!(count > 10_000, "{count} chunks");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
