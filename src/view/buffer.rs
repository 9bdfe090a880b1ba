//! Numbers that go beside the JSON: a typed array of the page each.

use serde_json::{Value, json};

macro_rules! buffers {
    ($($name:ident $t:ty, $text:literal;)*) => {
        /// The elements of a typed array.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Buffer {
            $(
                #[doc = concat!("Of `", $text, "`.")]
                $name(Vec<$t>),
            )*
        }

        impl Buffer {
            /// Its bytes.
            pub fn bytes(&self) -> &[u8] {
                match self {
                    $(Buffer::$name(v) => bytemuck::must_cast_slice(v),)*
                }
            }

            /// What its elements are called in replies: `u8`, `f32`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Buffer::$name(_) => $text,)*
                }
            }
        }

        $(
            impl From<Vec<$t>> for Buffer {
                fn from(elements: Vec<$t>) -> Buffer {
                    Buffer::$name(elements)
                }
            }
        )*
    };
}

buffers! {
    I8 i8, "i8";
    U8 u8, "u8";
    I16 i16, "i16";
    U16 u16, "u16";
    I32 i32, "i32";
    U32 u32, "u32";
    I64 i64, "i64";
    U64 u64, "u64";
    F32 f32, "f32";
    F64 f64, "f64";
}

/// The buffers of a reply.
#[derive(Default)]
pub(super) struct Buffers(pub(super) Vec<Buffer>);

impl Buffers {
    /// Keeps a buffer; what stands for it in the JSON.
    pub(super) fn add(&mut self, buffer: impl Into<Buffer>) -> Value {
        let buffer = buffer.into();
        let place = json!({"buffer": self.0.len(), "type": buffer.type_name()});
        self.0.push(buffer);
        place
    }
}
