//! Committed datatypes, datatypes of every class, and arrays without elements.

use h5manager::datatype::{Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Normalization, Padding};
use h5manager::{Element, Empty, File, FileMut, FixedString, Object, Result, StoredElements, VarLen, WithDatatype};
use h5manager::{ErrorKind, WithShape};
use std::path::Path;

h5manager::compound! {
    pub(crate) struct Inner {
        pub(crate) a: u8,
        pub(crate) name: String,
    }
    pub(crate) struct Hit {
        pub(crate) time: f64,
        pub(crate) inner: Inner,
        pub(crate) grid: [[i16; 2]; 3],
        pub(crate) list: VarLen<Inner>,
        pub(crate) good: bool,
    }
}

fn hit(i: u8) -> Hit {
    let inner = |n: u8| Inner { a: n, name: format!("n{n}") };
    Hit {
        time: f64::from(i) / 2.0,
        inner: inner(i),
        grid: [[1, 2], [3, 4], [5, i16::from(i)]],
        list: VarLen((0..i).map(inner).collect()),
        good: i.is_multiple_of(2),
    }
}

pub(crate) fn committed(out: &mut FileMut, _: &Path) -> Result<()> {
    let mut named = out.commit_datatype("types/hit", Hit::datatype())?;
    named.set_attribute("version", 2i32)?;
    let number = out.commit_datatype("types/number", i32::datatype())?;
    out.build("hits").committed_datatype(&named).write([hit(0), hit(3)])?;
    let mut chunked = out.build("chunked").committed_datatype(&number).shape([4]).chunks([2]).deflate(1).create()?;
    chunked.append([1i32, 2, 3, 4])?;
    chunked.set_attribute_as("limit", 9i32, &number)?;
    chunked.set_attribute_as("limit", 10i32, &number)?;
    out.root().set_attribute_as("first", [hit(5)], &named)?;
    out.root().link_hard("same type", "types/number")?;
    let mut more = out.commit_datatype("types/more", f32::datatype())?;
    more.set_attribute_as("one", 1i32, &number)?;
    let wrong = out.root().set_attribute_as("wrong", 1u8, &number).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Mismatch);
    Ok(())
}

pub(crate) fn check_committed(file: &File) -> Result<()> {
    let Object::Datatype(named) = file.object("types/hit")? else { panic!("a datatype") };
    assert_eq!(*named.datatype(), Hit::datatype());
    let hits = file.dataset("hits")?;
    assert_eq!(hits.committed_datatype(), Some(file.object("types/hit")?.address()));
    assert_eq!(hits.read::<Vec<Hit>>()?, [hit(0), hit(3)]);
    assert_eq!(file.dataset("chunked")?.read::<Vec<i32>>()?, [1, 2, 3, 4]);
    let limit = file.dataset("chunked")?.attribute("limit")?.expect("an attribute");
    assert_eq!(limit.read::<Vec<i32>>()?, [10]);
    assert_eq!(file.root()?.attribute("first")?.expect("an attribute").read::<Vec<Hit>>()?, [hit(5)]);
    assert_eq!(file.object("types/hit")?.attribute("version")?.expect("one").read::<Vec<i32>>()?, [2]);
    Ok(())
}

/// A float of 16 bits or less.
fn small(size: u32, exponent_bits: u8, mantissa_bits: u8, bias: u32) -> Datatype {
    let precision = u16::from(exponent_bits + mantissa_bits + 1);
    Datatype::Float(Float {
        bits: Bits { size, order: ByteOrder::Little, offset: 0, precision },
        sign: mantissa_bits + exponent_bits,
        exponent: mantissa_bits,
        exponent_bits,
        mantissa: 0,
        mantissa_bits,
        bias,
        norm: Normalization::Implied,
    })
}

/// Names, datatypes, and the bytes of two elements.
fn plain() -> Vec<(&'static str, Datatype, Vec<u8>)> {
    let little = |size| Bits::full(size, ByteOrder::Little);
    let f64le = || Datatype::Float(Float::ieee(8, ByteOrder::Little));
    let color = |name: &str, value: u8| (Name::from(name), vec![value]);
    let nested = Datatype::Compound {
        size: 20,
        members: vec![
            Member { name: "far".into(), offset: 12, datatype: Datatype::BitField(little(2)) },
            Member {
                name: "pairs".into(),
                offset: 1,
                datatype: Datatype::Array { dims: vec![2], base: Box::new(small(1, 4, 3, 7)) },
            },
        ],
    };
    let space = |charset| Datatype::FixedString { size: 3, padding: Padding::SpacePadded, charset };
    vec![
        ("bits", Datatype::BitField(little(1)), vec![5, 0xa0]),
        ("big bits", Datatype::BitField(Bits::full(2, ByteOrder::Big)), vec![1, 2, 3, 4]),
        ("opaque", Datatype::Opaque { size: 3, tag: "three bytes".into() }, b"abcdef".to_vec()),
        ("time", Datatype::Time(little(4)), vec![1, 0, 0, 0, 2, 0, 0, 0]),
        (
            "narrow",
            Datatype::Integer { bits: Bits { precision: 12, ..little(2) }, signed: true },
            vec![1, 0, 0xff, 0xf],
        ),
        ("bfloat16", small(2, 8, 7, 127), vec![0x80, 0x3f, 0, 0xc0]),
        ("fp8", small(1, 4, 3, 7), vec![0x38, 0xc0]),
        ("fp8 wide", small(1, 5, 2, 15), vec![0x3c, 0xc0]),
        (
            "enum",
            Datatype::Enumeration {
                base: Box::new(Datatype::Integer { bits: little(1), signed: true }),
                members: vec![color("red", 1), color("green", 255)],
            },
            vec![1, 255],
        ),
        ("complex", Datatype::Complex(Box::new(f64le())), [1.0, 2.0, -3.0, 0.5f64].map(f64::to_le_bytes).concat()),
        ("array", Datatype::Array { dims: vec![2, 1], base: Box::new(u8::datatype()) }, vec![1, 2, 3, 4]),
        ("nested", nested, (0..40).collect()),
        ("ascii", space(Charset::Ascii), b"a  bcd".to_vec()),
        ("utf8", space(Charset::Utf8), "ü é ".as_bytes().to_vec()),
    ]
}

pub(crate) fn every_class(out: &mut FileMut, _: &Path) -> Result<()> {
    for (name, datatype, bytes) in plain() {
        let elements = StoredElements::new(datatype, [2], &bytes)?;
        out.build(name).write(&elements)?.set_attribute("same", &elements)?;
        out.build(format!("chunked {name}")).chunks([1]).deflate(1).write(&elements)?;
    }
    let variable = |padding, charset| Datatype::VariableString { padding, charset, size: 16 };
    for (i, charset) in [Charset::Ascii, Charset::Utf8].into_iter().enumerate() {
        for (j, padding) in [Padding::NullTerminated, Padding::NullPadded, Padding::SpacePadded].into_iter().enumerate()
        {
            let texts = WithDatatype::new(vec!["", "text"], variable(padding, charset));
            out.build(format!("texts {i} {j}")).write(texts)?;
        }
    }
    let lists = [VarLen(vec![VarLen(vec!["a".to_owned()]), VarLen(vec![])]), VarLen(vec![])];
    out.build("lists of lists").write(WithShape::new(lists, [2, 1])?)?;
    Ok(())
}

pub(crate) fn check_every_class(file: &File) -> Result<()> {
    for (name, datatype, bytes) in plain() {
        for path in [name.to_owned(), format!("chunked {name}")] {
            let dataset = file.dataset(&path)?;
            assert_eq!(*dataset.datatype(), datatype, "{path}");
            assert_eq!(dataset.select(..)?.read_stored()?, bytes, "{path}");
        }
        let same = file.dataset(name)?.attribute("same")?.expect("an attribute");
        assert_eq!((same.datatype(), same.stored()), (&datatype, &bytes[..]));
    }
    assert_eq!(file.dataset("bfloat16")?.read::<Vec<f64>>()?, [1.0, -2.0]);
    assert_eq!(file.dataset("fp8")?.read::<Vec<f64>>()?, [1.0, -2.0]);
    for i in 0..6 {
        let texts: Vec<String> = file.dataset(&format!("texts {} {}", i / 3, i % 3))?.read()?;
        assert_eq!(texts, ["", "text"]);
    }
    let lists: Vec<VarLen<VarLen<String>>> = file.dataset("lists of lists")?.read()?;
    assert_eq!(lists[0].0, [VarLen(vec!["a".to_owned()]), VarLen(vec![])]);
    Ok(())
}

pub(crate) fn nothing(out: &mut FileMut, _: &Path) -> Result<()> {
    let mut null = out.build("null").element::<f64>().create_null()?;
    null.set_attribute("unit", FixedString("K"))?;
    null.set_attribute("empty", Empty::of::<String>())?;
    out.set_attribute("empty", Empty::of::<i16>())?;
    out.set_attribute("no rows", WithShape::new(Vec::<f32>::new(), [0, 3])?)?;
    let cube: Vec<u8> = (0..24).collect();
    out.set_attribute("cube", WithShape::new(cube, [2, 3, 4])?)?;
    let again = out.build("null").element::<f64>().create_null();
    assert_eq!(again.map(drop).unwrap_err().kind(), ErrorKind::Conflict);
    Ok(())
}

pub(crate) fn check_nothing(file: &File) -> Result<()> {
    let null = file.dataset("null")?;
    assert!(null.is_null());
    assert_eq!(null.attribute("empty")?.expect("an attribute").shape(), None);
    assert_eq!(file.root()?.attribute("empty")?.expect("an attribute").shape(), None);
    assert_eq!(file.root()?.attribute("no rows")?.expect("an attribute").shape(), Some(&[0, 3][..]));
    assert_eq!(file.root()?.attribute("cube")?.expect("an attribute").shape(), Some(&[2, 3, 4][..]));
    Ok(())
}
