//! Conventions that are nothing but attributes: images, palettes and tables as the HDF5 high-level library writes them,
//! and what netCDF-4 looks for.

use super::array::{ArrayLike, FixedString, StoredElements, WithShape};
use super::dataset::DatasetMut;
use super::group::GroupMut;
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::{ByteOrder, Charset, Datatype, Float, Padding};

/// How the elements of an image are to be seen, by the Image specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageClass {
    /// Height, width: from black to white.
    Grayscale,
    /// Height, width, and red, green and blue of each pixel.
    TrueColor,
    /// Three planes of height and width: red, green, blue.
    TrueColorPlanes,
    /// Height, width: rows of a palette, see [`attach_palette`](DatasetMut::attach_palette).
    Indexed,
}

impl ImageClass {
    /// The subclass, and how pixels lie.
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            ImageClass::Grayscale => ("IMAGE_GRAYSCALE", None),
            ImageClass::TrueColor => ("IMAGE_TRUECOLOR", Some("INTERLACE_PIXEL")),
            ImageClass::TrueColorPlanes => ("IMAGE_TRUECOLOR", Some("INTERLACE_PLANE")),
            ImageClass::Indexed => ("IMAGE_INDEXED", None),
        }
    }

    fn fits(self, shape: &[u64]) -> bool {
        match self {
            ImageClass::Grayscale | ImageClass::Indexed => shape.len() == 2,
            ImageClass::TrueColor => matches!(shape, [_, _, 3]),
            ImageClass::TrueColorPlanes => matches!(shape, [3, _, _]),
        }
    }
}

/// Begins the name of a netCDF dimension that has no variable; its length follows, in ten places.
const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable.";

impl DatasetMut {
    /// Says that this dataset is an image, by the Image specification 1.2. The first row is the uppermost.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if it has another shape than such an image.
    pub fn mark_image(&mut self, class: ImageClass) -> Result<()> {
        let shape = self.shape();
        if !class.fits(&shape) {
            return Err(Error::mismatch(format!("shape {shape:?} is not that of such an image")).on(self.path()));
        }
        let (subclass, interlace) = class.words();
        self.set_attribute("CLASS", FixedString("IMAGE"))?;
        self.set_attribute("IMAGE_VERSION", FixedString("1.2"))?;
        self.set_attribute("IMAGE_SUBCLASS", FixedString(subclass))?;
        if let Some(interlace) = interlace {
            self.set_attribute("INTERLACE_MODE", FixedString(interlace))?;
        }
        self.set_attribute("DISPLAY_ORIGIN", FixedString("UL"))
    }

    /// Says that this dataset is a palette: colours of red, green and blue, one a row.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if it has not three columns.
    pub fn mark_palette(&mut self) -> Result<()> {
        let shape = self.shape();
        if !matches!(shape[..], [_, 3]) {
            return Err(Error::mismatch(format!("shape {shape:?} is not that of a palette")).on(self.path()));
        }
        self.set_attribute("CLASS", FixedString("PALETTE"))?;
        self.set_attribute("PAL_VERSION", FixedString("1.2"))?;
        self.set_attribute("PAL_COLORMODEL", FixedString("RGB"))?;
        self.set_attribute("PAL_TYPE", FixedString("STANDARD8"))
    }

    /// Says by which palettes this image may be shown, the usual one first.
    ///
    /// # Errors
    /// As [`set_attribute`](DatasetMut::set_attribute).
    pub fn attach_palettes(&mut self, palettes: &[&DatasetMut]) -> Result<()> {
        let references = palettes.iter().map(|p| p.reference()).collect::<Result<Vec<_>>>()?;
        self.set_attribute("PALETTE", &references)
    }

    /// Says that this dataset is a table: rows of a compound datatype, with a title.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if it has not one dimension, or no compounds.
    pub fn mark_table(&mut self, title: &str) -> Result<()> {
        let Datatype::Compound { members, .. } = self.datatype()? else {
            return Err(Error::mismatch("a table has compounds as its rows").on(self.path()));
        };
        if self.shape().len() != 1 {
            return Err(Error::mismatch("a table has one dimension").on(self.path()));
        }
        self.set_attribute("CLASS", FixedString("TABLE"))?;
        self.set_attribute("VERSION", FixedString("3.0"))?;
        self.set_attribute("TITLE", FixedString(title))?;
        for (i, member) in members.iter().enumerate() {
            self.set_attribute(format!("FIELD_{i}_NAME"), FixedString(&member.name.to_text()))?;
        }
        Ok(())
    }

    /// Says that this dataset, a one-dimensional variable with the name of a dimension, is netCDF-4's dimension number
    /// `number`. The numbers of all dimensions of a file count from 0.
    ///
    /// # Errors
    /// As [`make_scale`](DatasetMut::make_scale).
    pub fn make_netcdf_dimension(&mut self, number: i32) -> Result<()> {
        let name = self.path().rsplit('/').next().unwrap_or_default().to_owned();
        self.make_scale(&name)?;
        self.set_attribute("_Netcdf4Dimid", number)
    }
}

impl GroupMut {
    /// Says that the file is one of netCDF-4, and who wrote it: `properties` are names and values, such as
    /// `[("acquire", "2.1")]`. It belongs to the root group. netCDF also expects groups to keep the order in which things
    /// were made; without that it opens the file for reading only.
    ///
    /// # Errors
    /// As [`set_attribute`](GroupMut::set_attribute).
    pub fn mark_netcdf(&mut self, properties: &[(&str, &str)]) -> Result<()> {
        let escaped = |text: &str| {
            let special = |c: char| matches!(c, '\\' | '=' | '|' | ',');
            text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect::<String>()
        };
        let mut text = String::from("version=2");
        for (name, value) in properties {
            text += &format!(",{}={}", escaped(name), escaped(value));
        }
        // Declared as ended by a NUL, for which there is no room: so netCDF writes it.
        let (padding, charset) = (Padding::NullTerminated, Charset::Ascii);
        let size = u32::try_from(text.len()).map_err(|_| Error::limit("4 GiB of properties").on(self.path()))?;
        let datatype = Datatype::FixedString { size, padding, charset };
        self.set_attribute("_NCProperties", StoredElements::new(datatype, [], text.as_bytes())?)
    }

    /// Makes netCDF-4's dimension number `number` of the file (they count from 0), one without a variable of its own.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn create_netcdf_dimension(
        &mut self,
        name: impl AsRef<[u8]>,
        number: i32,
        length: u64,
        unlimited: bool,
    ) -> Result<DatasetMut> {
        let datatype = Datatype::Float(Float::ieee(4, ByteOrder::Big));
        let builder = self.build(name).datatype(datatype).shape([length]);
        let builder = if unlimited { builder.extendible().chunks([1]) } else { builder };
        let mut dimension = builder.create()?;
        dimension.make_scale(&format!("{NO_VARIABLE}{length:10}"))?;
        dimension.set_attribute("_Netcdf4Dimid", number)?;
        Ok(dimension)
    }

    /// Sets an attribute of numbers as netCDF does: always with one dimension, also where there is only one number.
    ///
    /// # Errors
    /// As [`set_attribute`](GroupMut::set_attribute).
    pub fn set_netcdf_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        let elements = super::array::count(&value.shape()).on(self.path())? as u64;
        self.set_attribute(name, WithShape::new(value, [elements])?)
    }
}
