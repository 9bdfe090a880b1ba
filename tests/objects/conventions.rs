//! Dimension scales, images, tables, and what netCDF-4 expects.

use h5manager::datatype::Datatype;
use h5manager::{ErrorKind, File, FileMut, ImageClass, Reference, Result, VarLen};
use std::path::Path;

pub(crate) fn scales(out: &mut FileMut, _: &Path) -> Result<()> {
    let data: Vec<f32> = (0..12).map(|n| n as f32).collect();
    let mut first = out.build("first").shape([3, 4]).write(&data)?;
    let mut second = out.build("second").shape([4, 3]).chunks([2, 3]).deflate(1).write(&data)?;
    let mut x = out.build("x").write([0.0f64, 1.0, 2.0, 3.0])?;
    let mut y = out.build("y").write([10i32, 20, 30])?;
    let other_y = out.build("other y").write([1i32, 2, 3])?;
    x.make_scale("x axis")?;
    y.make_scale("")?;
    first.attach_scale(0, &y)?;
    first.attach_scale(0, &other_y)?;
    first.attach_scale(0, &y)?;
    first.attach_scale(1, &x)?;
    first.set_dimension_label(1, "distance")?;
    second.attach_scale(0, &x)?;
    assert_eq!(first.attach_scale(2, &x).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(x.attach_scale(0, &y).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(second.make_scale("").unwrap_err().kind(), ErrorKind::Conflict);
    Ok(())
}

pub(crate) fn check_scales(file: &File) -> Result<()> {
    let list = |name: &str| -> Result<Vec<VarLen<Reference>>> {
        file.dataset(name)?.attribute("DIMENSION_LIST")?.expect("an attribute").read()
    };
    let (first, second) = (list("first")?, list("second")?);
    let lengths = |list: &[VarLen<Reference>]| list.iter().map(|l| l.0.len()).collect::<Vec<_>>();
    assert_eq!((lengths(&first), lengths(&second)), (vec![2, 1], vec![1, 0]));
    let x = file.object("x")?.address();
    assert_eq!(file.dereference(&second[0].0[0])?.address(), x);
    Ok(())
}

h5manager::compound! {
    pub(crate) struct Row {
        pub(crate) time: f64,
        pub(crate) count: i32,
    }
}

pub(crate) fn images(out: &mut FileMut, _: &Path) -> Result<()> {
    let mut gray = out.build("gray").shape([4, 5]).write([9u8; 20])?;
    gray.mark_image(ImageClass::Grayscale)?;
    let mut color = out.build("color").shape([4, 5, 3]).write([9u8; 60])?;
    color.mark_image(ImageClass::TrueColor)?;
    let mut planes = out.build("planes").shape([3, 4, 5]).write([9u8; 60])?;
    planes.mark_image(ImageClass::TrueColorPlanes)?;
    assert_eq!(planes.mark_image(ImageClass::TrueColor).unwrap_err().kind(), ErrorKind::Mismatch);
    let mut palette = out.build("palette").shape([256, 3]).write([7u8; 768])?;
    palette.mark_palette()?;
    let mut indexed = out.build("indexed").shape([4, 5]).write([9u8; 20])?;
    indexed.mark_image(ImageClass::Indexed)?;
    indexed.attach_palettes(&[&palette])?;
    let mut table = out.build("table").extendible().write([Row { time: 0.5, count: 1 }])?;
    table.mark_table("what was counted")?;
    Ok(())
}

pub(crate) fn check_images(file: &File) -> Result<()> {
    let palettes: Vec<Reference> = file.dataset("indexed")?.attribute("PALETTE")?.expect("an attribute").read()?;
    assert_eq!(file.dereference(&palettes[0])?.address(), file.object("palette")?.address());
    let name: Vec<String> = file.dataset("table")?.attribute("FIELD_1_NAME")?.expect("an attribute").read()?;
    assert_eq!(name, ["count"]);
    assert!(matches!(file.dataset("table")?.datatype(), Datatype::Compound { .. }));
    Ok(())
}

pub(crate) fn netcdf(out: &mut FileMut, _: &Path) -> Result<()> {
    let mut root = out.root();
    root.mark_netcdf(&[("h5manager", "0=1,2")])?;
    let time = root.create_netcdf_dimension("time", 0, 2, true)?;
    let mut x = out.build("x").write([0.5f64, 1.5, 2.5])?;
    x.make_netcdf_dimension(1)?;
    let data: Vec<f32> = (0..6).map(|n| n as f32).collect();
    let builder = out.build("temperature").shape([2, 3]).max_shape([None, Some(3)]).chunks([1, 3]);
    let mut data = builder.fill_value(-1.0f32).write(&data)?;
    data.attach_scale(0, &time)?;
    data.attach_scale(1, &x)?;
    data.set_attribute("_FillValue", [-1.0f32])?;
    data.set_attribute("units", h5manager::FixedString("K"))?;
    root.set_netcdf_attribute("number", 7i32)?;
    let mut group = root.create_group("group")?;
    let mut deep = group.build("deep").write([1i16, 2, 3])?;
    deep.attach_scale(0, &x)?;
    Ok(())
}

pub(crate) fn check_netcdf(file: &File) -> Result<()> {
    let name: Vec<String> = file.dataset("time")?.attribute("NAME")?.expect("an attribute").read()?;
    assert_eq!(name, ["This is a netCDF dimension but not a netCDF variable.         2"]);
    let properties: Vec<String> = file.root()?.attribute("_NCProperties")?.expect("an attribute").read()?;
    assert_eq!(properties, [r"version=2,h5manager=0\=1\,2"]);
    Ok(())
}
