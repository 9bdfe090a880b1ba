//! What only copies hold, or fills have: links of others, objects that no link leads to, values with data elsewhere.

use h5manager::datatype::{Datatype, ReferenceKind};
use h5manager::{CopyOptions, File, FileMut, LinkTarget, Object, Reference, Result, VarLen, WithDatatype, WithShape};
use std::path::Path;

pub(crate) fn copied(out: &mut FileMut, folder: &Path) -> Result<()> {
    let path = folder.join("source of copies.h5");
    let mut source = File::create(&path)?;
    source.build("lost/inner").write([1.5f64, 2.5])?;
    source.root().link_hard("lost/circle", "lost")?;
    source.build("lost/text").fill_value("none").element::<String>().shape([2]).create()?;
    let to = source.reference("lost")?;
    let inner = source.reference("lost/inner")?;
    source.build("references").write([to, inner, Reference::Null])?;
    source.root().link_user("theirs", 187, b"only they know\0\xff")?;
    let mut few = source.create_group("few")?;
    few.link_phase_change(3, 1)?;
    (0..4).try_for_each(|i| few.link_soft(format!("link {i}"), "/nowhere"))?;
    fills(&mut source)?;
    source.commit()?;
    // The references stay, the link goes: by a program that does not count.
    let kept = File::open(&path)?;
    let mut edit = File::edit(&path)?;
    edit.remove("lost")?;
    edit.commit()?;
    drop(kept);
    let source = File::open(&path)?;
    out.copy_from(&source.object("/")?, "/", &CopyOptions::new().expand_references(true))
}

/// Every layout with fill values that have data elsewhere, written in part.
fn fills(out: &mut FileMut) -> Result<()> {
    let text = |out: &mut FileMut, name: &str| out.build(name).element::<String>().fill_value("a fill value");
    text(out, "compact").shape([4]).compact().create()?.write_selection(1u64, ["1"])?;
    text(out, "contiguous").shape([4]).create()?.write_selection(1u64, ["1"])?;
    text(out, "edge").shape([5]).chunks([3]).deflate(1).write(["0", "1", "2", "3", "4"])?;
    text(out, "chunked").shape([7]).chunks([3]).create()?.write_selection(1u64, ["1"])?;
    text(out, "grows").shape([2]).extendible().chunks([4]).deflate(1).write(["0", "1"])?;
    text(out, "nothing").shape([3]).create()?;
    let list = out.build("lists").element::<VarLen<i32>>().shape([2, 3]).chunks([2, 2]);
    list.fill_value(WithShape::new([VarLen(vec![1i32, 2, 3])], [])?)
        .create()?
        .write_selection((1u64, 1u64), [VarLen(vec![7i32])])?;
    let here = out.reference("edge")?;
    out.build("leads").element::<Reference>().shape([3]).chunks([2]).fill_value(here).create()?;
    let part = out.region_reference("edge", 1u64..3)?;
    let region = Datatype::reference(ReferenceKind::Region);
    let parts = out.build("parts").datatype(region.clone()).shape([3]).chunks([2]);
    let mut parts = parts.fill_value(WithDatatype::new(part.clone(), region.clone())).create()?;
    parts.write_selection(1u64, WithDatatype::new(vec![Reference::Null], region))
}

pub(crate) fn check_copied(file: &File) -> Result<()> {
    let references: Vec<Reference> = file.dataset("references")?.read()?;
    let Object::Group(lost) = file.dereference(&references[0])? else { panic!("a group was there") };
    let names: Vec<String> = lost.links()?.map(|l| l.map(|l| l.name().to_string())).collect::<Result<_>>()?;
    assert_eq!(names, ["circle", "inner", "text"]);
    let inner = file.dereference(&references[1])?;
    assert_eq!(inner.address(), lost.object("inner")?.address());
    let Object::Dataset(inner) = inner else { panic!("a dataset was there") };
    assert_eq!(inner.read::<Vec<f64>>()?, [1.5, 2.5]);
    assert_eq!(lost.dataset("text")?.read::<Vec<String>>()?, ["none", "none"]);
    assert_eq!(references[2], Reference::Null);
    let link = file.root()?.link("theirs")?.expect("a link");
    assert_eq!(*link.target(), LinkTarget::User { class: 187, data: b"only they know\0\xff".to_vec() });
    let strings = |name: &str| file.dataset(name)?.read::<Vec<String>>();
    let f = "a fill value";
    for name in ["compact", "contiguous"] {
        assert_eq!(strings(name)?, [f, "1", f, f], "{name}");
    }
    assert_eq!(strings("edge")?, ["0", "1", "2", "3", "4"]);
    assert_eq!(strings("chunked")?, [f, "1", f, f, f, f, f]);
    assert_eq!(strings("nothing")?, [f, f, f]);
    assert_eq!(strings("grows")?[..2], ["0", "1"]);
    assert!(strings("grows")?[2..].iter().all(|s| s == f));
    let fill = || VarLen(vec![1, 2, 3]);
    let lists: Vec<VarLen<i32>> = file.dataset("lists")?.read()?;
    assert_eq!(lists, [fill(), fill(), fill(), fill(), VarLen(vec![7]), fill()]);
    let edge = file.object("edge")?.address();
    let leads: Vec<Reference> = file.dataset("leads")?.read()?;
    assert!(leads.iter().all(|r| r.address() == Some(edge)), "{leads:?}");
    let parts: Vec<Reference> = file.dataset("parts")?.read()?;
    assert_eq!(parts.iter().map(Reference::address).collect::<Vec<_>>(), [Some(edge), None, Some(edge)]);
    Ok(())
}
