//! References to objects of the file that is edited.

use super::{FileEdit, shown};
use crate::error::{Context, Result};
use crate::format::message::datatype::Name;
use crate::format::reference::Reference;

impl FileEdit {
    /// A reference to the object at `path`, to be written to this file. Objects keep their place, so it stays true.
    ///
    /// # Errors
    /// `NotFound` without the object.
    pub fn reference(&mut self, path: impl AsRef<[u8]>) -> Result<Reference> {
        let address = self.work()?.address_for_reference(path.as_ref()).on(&shown(&path))?.get();
        Ok(Reference::Object { address, file: None })
    }

    /// A reference to the attribute `name` of the object at `path`: an element of
    /// [references of HDF5 1.12](crate::datatype::ReferenceKind::Standard).
    ///
    /// # Errors
    /// `NotFound` without the object; the attribute may be made later.
    pub fn attribute_reference(&mut self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Result<Reference> {
        let address = self.work()?.address_for_reference(path.as_ref()).on(&shown(&path))?.get();
        Ok(Reference::Attribute { address, name: Name::from_bytes(name.as_ref()), file: None })
    }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, File, Reference};

    #[test]
    fn references_lead_to_objects_of_the_file_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let mut out = File::create(&path).unwrap();
        out.build("group/data").write([1i32, 2]).unwrap();
        out.commit().unwrap();

        let mut edit = File::edit(&path).unwrap();
        let to = edit.reference("group/data").unwrap();
        edit.set_attribute("/", "to", [to.clone(), Reference::Null]).unwrap();
        assert_eq!(edit.reference("group/nothing").unwrap_err().kind(), ErrorKind::NotFound);
        let foreign = Reference::Object { address: 8, file: None };
        assert_eq!(edit.set_attribute("/", "foreign", foreign).unwrap_err().kind(), ErrorKind::Invalid);
        edit.commit().unwrap();
        drop(edit);

        let file = File::open(&path).unwrap();
        let found: Vec<Reference> = file.root().unwrap().attribute("to").unwrap().unwrap().read().unwrap();
        assert_eq!(found, [to, Reference::Null]);
        assert_eq!(file.dereference(&found[0]).unwrap().address(), file.object("group/data").unwrap().address());
    }
}
