//! Links in circles, and references of every kind.

use h5manager::datatype::{Datatype, ReferenceKind};
use h5manager::{ErrorKind, File, FileMut, Object, Reference, Result, VarLen, WithDatatype, every};
use std::path::Path;

/// A group in itself, a group above itself, two that hold each other.
pub(crate) fn cycles(out: &mut FileMut, _: &Path) -> Result<()> {
    out.create_group("a/b/c")?;
    out.root().link_hard("a/b/c/top", "/")?;
    out.root().link_hard("a/self", "a")?;
    out.create_group("x")?;
    out.create_group("y")?;
    out.root().link_hard("x/y", "y")?;
    out.root().link_hard("y/x", "x")?;
    out.build("x/data").write([1i32, 2, 3])?;
    // Many links: those of a group with a heap.
    for i in 0..20 {
        out.root().link_hard(format!("y/{i}"), "a")?;
    }
    Ok(())
}

pub(crate) fn check_cycles(file: &File) -> Result<()> {
    let same = |a: &str, b: &str| assert_eq!(file.object(a).unwrap().address(), file.object(b).unwrap().address());
    same("/", "a/b/c/top/a/b/c/top");
    same("a", "a/self/self/self");
    same("x", "x/y/x/y/x");
    same("a/b", "y/17/b");
    let data: Vec<i32> = file.dataset("y/x/y/x/data")?.read()?;
    assert_eq!(data, [1, 2, 3]);
    Ok(())
}

h5manager::compound! {
    pub(crate) struct Entry {
        pub(crate) number: i32,
        pub(crate) object: Reference,
        pub(crate) pair: [Reference; 2],
        pub(crate) list: VarLen<Reference>,
    }
}

fn references(kind: ReferenceKind) -> Datatype {
    Datatype::reference(kind)
}

/// The kinds that HDF5 has always had, everywhere where elements can be.
pub(crate) fn old(out: &mut FileMut, _: &Path) -> Result<()> {
    let (group, later) = (out.reference("group")?, out.reference("group/deep/later")?);
    let root = out.reference("/")?;
    out.build("objects").write([group.clone(), later.clone(), root.clone(), Reference::Null])?;
    out.build("chunks").chunks([2]).deflate(1).write([later.clone(), later.clone(), root.clone()])?;
    out.create_group("group")?;
    out.build("group/deep/later").write([1.5f64, 2.5])?;
    out.root().group("group")?.set_attribute("to", &later)?;
    let grid: Vec<i32> = (0..200).collect();
    let grid = out.build("grid").shape([10, 20]).write(&grid)?;
    let parts = vec![
        grid.region_reference((2u64..5, every(1..9, 3)))?,
        grid.region_reference(h5manager::Selection::points([[9, 19], [0, 0], [3, 4]]))?,
        grid.region_reference((vec![1, 2, 7], 3u64..5))?,
        grid.region_reference(h5manager::StoredSelection::All)?,
        out.region_reference("grid", (0u64..0, ..))?,
        Reference::Null,
    ];
    out.build("regions").write(WithDatatype::new(&parts, references(ReferenceKind::Region)))?;
    out.set_attribute("region", WithDatatype::new(&parts[..1], references(ReferenceKind::Region)))?;
    let entry = Entry {
        number: 7,
        object: grid.reference()?,
        pair: [group.clone(), Reference::Null],
        list: VarLen(vec![root, later, group]),
    };
    out.build("entries").write([entry.clone(), entry])?;
    // What comes from elsewhere, and what cannot be such an element.
    let foreign = Reference::Object { address: 0x1234, file: None };
    assert_eq!(out.set_attribute("foreign", [foreign]).unwrap_err().kind(), ErrorKind::Invalid);
    let attribute = out.attribute_reference("/", "region")?;
    assert_eq!(out.set_attribute("wrong", [attribute]).unwrap_err().kind(), ErrorKind::Mismatch);
    Ok(())
}

fn leads_to(file: &File, reference: &Reference, path: &str) {
    assert_eq!(file.dereference(reference).unwrap().address(), file.object(path).unwrap().address(), "{reference}");
}

fn selected(file: &File, reference: &Reference) -> Vec<i32> {
    let (Object::Dataset(dataset), Reference::Region { selection, .. }) =
        (file.dereference(reference).unwrap(), reference)
    else {
        panic!("{reference}");
    };
    dataset.select(selection).unwrap().read().unwrap()
}

const SELECTED: [&[i32]; 3] = [&[41, 44, 47, 61, 64, 67, 81, 84, 87], &[199, 0, 64], &[23, 24, 43, 44, 143, 144]];

pub(crate) fn check_old(file: &File) -> Result<()> {
    let objects: Vec<Reference> = file.dataset("objects")?.read()?;
    leads_to(file, &objects[0], "group");
    leads_to(file, &objects[1], "group/deep/later");
    leads_to(file, &objects[2], "/");
    assert_eq!(objects[3], Reference::Null);
    let chunks: Vec<Reference> = file.dataset("chunks")?.read()?;
    assert_eq!(chunks, [objects[1].clone(), objects[1].clone(), objects[2].clone()]);
    let to: Vec<Reference> = file.group("group")?.attribute("to")?.expect("an attribute").read()?;
    assert_eq!(to, objects[1..2]);
    let regions: Vec<Reference> = file.dataset("regions")?.read()?;
    for (region, selected_there) in regions.iter().zip(SELECTED) {
        assert_eq!(selected(file, region), selected_there, "{region}");
    }
    assert_eq!(selected(file, &regions[3]).len(), 200);
    assert_eq!(selected(file, &regions[4]), [0; 0]);
    assert_eq!(regions[5], Reference::Null);
    let entries: Vec<Entry> = file.dataset("entries")?.read()?;
    leads_to(file, &entries[1].object, "grid");
    assert_eq!(entries[1].pair, [objects[0].clone(), Reference::Null]);
    assert_eq!(entries[1].list.0, [objects[2].clone(), objects[1].clone(), objects[0].clone()]);
    Ok(())
}

/// The kind of HDF5 1.12.
pub(crate) fn new(out: &mut FileMut, folder: &Path) -> Result<()> {
    let standard = || references(ReferenceKind::Standard);
    let mut other = File::create(folder.join("other_file.h5"))?;
    other.build("there").write([5i32, 6])?;
    other.commit()?;
    let there = File::open(folder.join("other_file.h5"))?.object("there")?.address();
    let grid: Vec<i32> = (0..200).collect();
    let mut grid = out.build("grid").shape([10, 20]).write(&grid)?;
    grid.set_attribute("unit", "kelvin")?;
    let all = vec![
        grid.reference()?,
        grid.region_reference((2u64..5, every(1..9, 3)))?,
        grid.region_reference(h5manager::Selection::points([[9, 19], [0, 0], [3, 4]]))?,
        out.attribute_reference("grid", "unit")?,
        Reference::Null,
        Reference::Object { address: there, file: Some("other_file.h5".into()) },
        grid.region_reference(h5manager::StoredSelection::All)?,
    ];
    out.build("all").write(WithDatatype::new(&all, standard()))?;
    out.set_attribute("all", WithDatatype::new(&all[..5], standard()))?;
    let list = Datatype::Sequence { base: Box::new(standard()), size: 16 };
    out.build("list").write(WithDatatype::new([VarLen(all.clone()), VarLen(vec![])], list))?;
    Ok(())
}

pub(crate) fn check_new(file: &File) -> Result<()> {
    let all: Vec<Reference> = file.dataset("all")?.read()?;
    leads_to(file, &all[0], "grid");
    assert_eq!(selected(file, &all[1]), SELECTED[0]);
    assert_eq!(selected(file, &all[2]), SELECTED[1]);
    assert!(matches!(&all[3], Reference::Attribute { name, .. } if *name == *"unit"));
    leads_to(file, &all[3], "grid");
    assert_eq!(all[4], Reference::Null);
    let Object::Dataset(there) = file.dereference(&all[5])? else { panic!("a dataset there") };
    assert_eq!(there.read::<Vec<i32>>()?, [5, 6]);
    assert_eq!(selected(file, &all[6]).len(), 200);
    let list: Vec<VarLen<Reference>> = file.dataset("list")?.read()?;
    assert_eq!(list, [VarLen(all.clone()), VarLen(vec![])]);
    let attribute: Vec<Reference> = file.root()?.attribute("all")?.expect("an attribute").read()?;
    assert_eq!(attribute, all[..5]);
    Ok(())
}
