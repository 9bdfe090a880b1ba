//! The kinds of pieces that a file consists of: how each is called, and where the specification describes it.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $name:literal, $section:literal;)*) => {
        /// What a piece of a file is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Its name, as the specification has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// The section of the File Format Specification, version 3.0, that describes it; empty where none does.
            pub fn section(self) -> &'static str {
                match self {
                    $(Kind::$kind => $section,)*
                }
            }
        }
    };
}

kinds! {
    /// Bytes before the superblock, which belong to the user.
    UserBlock: "user block", "II.A";
    /// Where a file says where it begins and ends.
    Superblock: "superblock", "II.A";
    /// What a file of several files says about them.
    DriverInfo: "driver information block", "II.B";
    /// The beginning of an object.
    ObjectHeader: "object header", "IV.A.1";
    /// A further chunk of an object header.
    Continuation: "object header continuation", "IV.A.1";
    /// A node of the index of an old-style group.
    GroupNode: "B-tree v1 node (group)", "III.A.1";
    /// The links of an old-style group.
    SymbolTableNode: "symbol table node", "III.B";
    /// The header of the heap of an old-style group's names.
    LocalHeap: "local heap", "III.D";
    /// The names of an old-style group.
    LocalHeapData: "local heap data", "III.D";
    /// A node of the index of chunks.
    ChunkNode: "B-tree v1 node (chunks)", "III.A.1";
    /// The header of a version 2 B-tree.
    BTree2: "B-tree v2 header", "III.A.2";
    /// A node of a version 2 B-tree above the leaves.
    BTree2Internal: "B-tree v2 internal node", "III.A.2";
    /// A leaf of a version 2 B-tree.
    BTree2Leaf: "B-tree v2 leaf", "III.A.2";
    /// The header of a fractal heap.
    FractalHeap: "fractal heap header", "III.G";
    /// A block of a fractal heap that holds objects.
    DirectBlock: "fractal heap direct block", "III.G";
    /// A block of a fractal heap that holds the addresses of others.
    IndirectBlock: "fractal heap indirect block", "III.G";
    /// An object of a fractal heap that is too large for its blocks.
    HugeObject: "fractal heap huge object", "III.G";
    /// Variable-length data and references to regions.
    GlobalHeap: "global heap collection", "III.E";
    /// The header of a fixed array of chunks.
    FixedArray: "fixed array header", "VII.C";
    /// The elements of a fixed array of chunks.
    FixedArrayBlock: "fixed array data block", "VII.C";
    /// Some of the elements of a fixed array that is cut into pages.
    FixedArrayPage: "fixed array page", "VII.C";
    /// Room for elements of a fixed array: pages that were never written.
    UnwrittenPages: "unwritten pages", "VII.C";
    /// The header of an extensible array of chunks.
    ExtensibleArray: "extensible array header", "VII.D";
    /// The first elements of an extensible array, and where the others are.
    IndexBlock: "extensible array index block", "VII.D";
    /// Where some data blocks of an extensible array are.
    SuperBlock: "extensible array super block", "VII.D";
    /// Elements of an extensible array.
    DataBlock: "extensible array data block", "VII.D";
    /// The header of a free-space manager.
    FreeSpace: "free-space manager header", "III.H";
    /// The sections that a free-space manager knows.
    FreeSections: "free-space section list", "III.H";
    /// Where shared object header messages are.
    SharedMessageTable: "shared message table", "III.I";
    /// Shared object header messages, few enough for a list.
    SharedMessageList: "shared message list", "III.I";
    /// Metadata as they were in the memory of the program that wrote the file.
    CacheImage: "metadata cache image", "III.J of 4.0";
    /// The elements of a dataset in one piece.
    Contiguous: "contiguous data", "IV.B";
    /// Elements of a dataset: one chunk, or several that stand one behind the other.
    Chunk: "chunk", "IV.B";
    /// Bytes that nothing leads to, and that the file remembers as free.
    Free: "free space", "III.H";
    /// Bytes that nothing leads to.
    Gap: "gap", "";
    /// Bytes behind the end that the superblock names.
    Beyond: "bytes behind the end of the file", "II.A";
}

impl Kind {
    /// Whether it holds elements of datasets, and not what leads to them.
    pub fn is_raw_data(self) -> bool {
        matches!(self, Kind::Contiguous | Kind::Chunk | Kind::GlobalHeap)
    }

    /// Whether it belongs to nothing in the file.
    pub fn is_unused(self) -> bool {
        matches!(self, Kind::Free | Kind::Gap | Kind::Beyond)
    }

    /// The four bytes that a piece of this kind begins with, if it does.
    pub(super) fn signature(self) -> Option<&'static [u8; 4]> {
        Some(match self {
            Kind::ObjectHeader => b"OHDR",
            Kind::Continuation => b"OCHK",
            Kind::GroupNode | Kind::ChunkNode => b"TREE",
            Kind::SymbolTableNode => b"SNOD",
            Kind::LocalHeap => b"HEAP",
            Kind::BTree2 => b"BTHD",
            Kind::BTree2Internal => b"BTIN",
            Kind::BTree2Leaf => b"BTLF",
            Kind::FractalHeap => b"FRHP",
            Kind::DirectBlock => b"FHDB",
            Kind::IndirectBlock => b"FHIB",
            Kind::GlobalHeap => b"GCOL",
            Kind::FixedArray => b"FAHD",
            Kind::FixedArrayBlock => b"FADB",
            Kind::ExtensibleArray => b"EAHD",
            Kind::IndexBlock => b"EAIB",
            Kind::SuperBlock => b"EASB",
            Kind::DataBlock => b"EADB",
            Kind::FreeSpace => b"FSHD",
            Kind::FreeSections => b"FSSE",
            Kind::SharedMessageTable => b"SMTB",
            Kind::SharedMessageList => b"SMLI",
            Kind::CacheImage => b"MDCI",
            _ => return None,
        })
    }

    /// The kind of piece that begins with these bytes.
    pub(super) fn of_signature(bytes: &[u8]) -> Option<Kind> {
        const SIGNED: [Kind; 22] = [
            Kind::ObjectHeader,
            Kind::Continuation,
            Kind::GroupNode,
            Kind::SymbolTableNode,
            Kind::LocalHeap,
            Kind::BTree2,
            Kind::BTree2Internal,
            Kind::BTree2Leaf,
            Kind::FractalHeap,
            Kind::DirectBlock,
            Kind::IndirectBlock,
            Kind::GlobalHeap,
            Kind::FixedArray,
            Kind::FixedArrayBlock,
            Kind::ExtensibleArray,
            Kind::IndexBlock,
            Kind::SuperBlock,
            Kind::DataBlock,
            Kind::FreeSpace,
            Kind::FreeSections,
            Kind::SharedMessageTable,
            Kind::SharedMessageList,
        ];
        // All signatures are capitals: most bytes need no look into the table.
        let head = bytes.first_chunk::<4>().filter(|h| h.iter().all(u8::is_ascii_uppercase))?;
        let signed = SIGNED.into_iter().chain([Kind::CacheImage]);
        signed.into_iter().find(|k| k.signature() == Some(head))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
