//! The entropy-coded bytes of a baseline scan → the coefficients of its blocks.

/// Bits that one look at a table decides by. Codes are longer only where they are rare.
const LOOK: u32 = 10;
/// The places of coefficients in the order of the file, in a block of eight rows of eight. Behind the last one come as many
/// as a run can lead to.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];
/// Where coefficients go that are not wanted.
const NOWHERE: u8 = 64;

/// A Huffman table, for looking up [`LOOK`] bits at once.
#[derive(Clone)]
pub(super) struct Table {
    looked_up: Box<[Entry; 1 << LOOK]>,
    /// For each length of a code: the first code that is longer, in 16 bits, and what to add for the index of a symbol.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

/// What the next bits mean.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The value, if its bits were among those looked at.
    value: i16,
    /// Bits to go on by; 0 if the code is longer than what was looked at.
    length: u8,
    /// Zeros before it and, if the value is not known yet, the number of its bits: as in the file.
    symbol: u8,
}

impl Table {
    /// From what a table says: how many codes have each length, and their symbols in order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
        let mut looked_up = Box::new([Entry::default(); 1 << LOOK]);
        let (mut ends, mut code, mut index) = ([(0, 0); 17], 0u32, 0usize);
        for length in 1..=16u32 {
            let first = index as i32 - code as i32;
            for _ in 0..*counts.get(length as usize - 1)? {
                let symbol = *symbols.get(index)?;
                if code >= 1 << length {
                    return None;
                }
                if length <= LOOK {
                    let start = code << (LOOK - length);
                    for bits in start..start + (1 << (LOOK - length)) {
                        *looked_up.get_mut(bits as usize)? = Entry::of(bits, length, symbol);
                    }
                }
                code += 1;
                index += 1;
            }
            ends[length as usize] = (code << (16 - length), first);
            code <<= 1;
        }
        Some(Table { looked_up, ends, symbols: symbols.get(..index)?.to_vec() })
    }

    /// The symbol whose code the `bits` begin with, and its length: for codes of more than [`LOOK`] bits.
    #[cold]
    fn long(&self, bits: u64) -> Option<Entry> {
        let bits = (bits >> 48) as u32;
        let length = (LOOK + 1..=16).find(|&length| bits < self.ends[length as usize].0)?;
        let index = (bits >> (16 - length)) as i32 + self.ends[length as usize].1;
        let symbol = *self.symbols.get(usize::try_from(index).ok()?)?;
        Some(Entry { value: 0, length: length as u8, symbol })
    }
}

impl Entry {
    /// `bits`, of which the first `length` are the code of `symbol`.
    fn of(bits: u32, length: u32, symbol: u8) -> Entry {
        let size = u32::from(symbol & 15);
        if size == 0 || length + size > LOOK {
            return Entry { value: 0, length: length as u8, symbol };
        }
        let magnitude = bits >> (LOOK - length - size) & ((1 << size) - 1);
        Entry { value: extended(magnitude, size) as i16, length: (length + size) as u8, symbol: symbol & 0xf0 }
    }
}

/// The number that `size` bits stand for: the lower half of them are negative.
fn extended(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

/// The bits between two markers. A `Bits` is small and copied, so that its fields are in registers where it matters.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    /// What is between the markers, and [`PADDING`] behind it.
    bytes: &'a [u8],
    at: usize,
    /// The next ones, the first of them highest.
    bits: u64,
    /// How many of them count; the others are those that come next, or zeros.
    count: u32,
}

const PADDING: usize = 8;

impl<'a> Bits<'a> {
    /// Reads up to the next marker, unstuffed into `bytes`; the second is what comes from the marker on.
    pub(super) fn until_marker<'f>(file: &'f [u8], bytes: &'a mut Vec<u8>) -> (Bits<'a>, &'f [u8]) {
        bytes.clear();
        let mut rest = file;
        loop {
            while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
                if has_ones(u64::from_ne_bytes(*chunk)) {
                    break;
                }
                bytes.extend_from_slice(chunk);
                rest = behind;
            }
            // A byte of all ones stands before a zero, or else it begins a marker.
            match *rest {
                [0xff, 0, ref behind @ ..] => {
                    bytes.push(0xff);
                    rest = behind;
                }
                [] | [0xff, ..] => break,
                [byte, ref behind @ ..] => {
                    bytes.push(byte);
                    rest = behind;
                }
            }
        }
        bytes.extend_from_slice(&[0; PADDING]);
        (Bits { bytes, at: 0, bits: 0, count: 0 }, rest)
    }

    /// Makes sure that there are 56 or more, which may be zeros that no file has.
    #[inline(always)]
    fn fill(&mut self) {
        let next = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>());
        let next = next.map_or(0, |&next| u64::from_be_bytes(next));
        self.bits |= next >> (self.count & 63);
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.bits <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// The number in the next `size` bits, 1 or more.
    #[inline(always)]
    fn number(&mut self, size: u32) -> i32 {
        let number = extended((self.bits >> (64 - size)) as u32, size);
        self.skip(size);
        number
    }

    /// Whether more bits were taken than there are.
    pub(super) fn overrun(&self) -> bool {
        self.left() < 0
    }

    /// Whether all bits were taken but for the rest of a byte.
    pub(super) fn at_end(&self) -> bool {
        (0..8).contains(&self.left())
    }

    fn left(&self) -> i64 {
        (self.bytes.len() - PADDING) as i64 * 8 - (self.at as i64 * 8 - i64::from(self.count))
    }

    /// The next block's coefficients, dequantized, those that `wanted` has a place for; and how many of them the file has,
    /// or nothing if its codes are none. `coefficients` must be zeros, but for those from the 65th on, where what is not
    /// wanted goes.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        (dc_table, ac_table): (&Table, &Table),
        wanted: &Wanted,
        dc: &mut i32,
        coefficients: &mut [f32; 128],
    ) -> Option<usize> {
        let mut bits = *self;
        bits.fill();
        let entry = bits.symbol(dc_table)?;
        *dc = dc.wrapping_add(match u32::from(entry.symbol & 15) {
            0 => i32::from(entry.value),
            size => bits.number(size),
        });
        coefficients[0] = *dc as f32 * wanted.steps[0];
        let mut k = 1;
        'block: while k < 64 {
            bits.fill();
            // As many short codes as are in the bits for certain.
            for _ in 0..56 / LOOK {
                let entry = ac_table.looked_up[(bits.bits >> (64 - LOOK)) as usize];
                if entry.value == 0 {
                    bits.fill();
                    let entry = bits.symbol(ac_table)?;
                    let size = u32::from(entry.symbol & 15);
                    match entry.symbol {
                        0 => break 'block,
                        0xf0 => k += 16,
                        _ if size == 0 => return None,
                        _ => {
                            k += usize::from(entry.symbol >> 4);
                            wanted.put(k, bits.number(size), coefficients);
                            k += 1;
                        }
                    }
                    continue 'block;
                }
                bits.skip(entry.length.into());
                k += usize::from(entry.symbol >> 4);
                wanted.put(k, entry.value.into(), coefficients);
                k += 1;
                if k >= 64 {
                    break 'block;
                }
            }
        }
        *self = bits;
        (k <= 64).then_some(k)
    }

    /// The next symbol, with the value if that was looked up, too.
    #[inline(always)]
    fn symbol(&mut self, table: &Table) -> Option<Entry> {
        let mut entry = table.looked_up[(self.bits >> (64 - LOOK)) as usize];
        if entry.length == 0 {
            entry = table.long(self.bits)?;
        }
        self.skip(entry.length.into());
        Some(entry)
    }
}

/// Whether one of the bytes is 0xff.
#[inline(always)]
fn has_ones(bytes: u64) -> bool {
    // A zero byte of the complement: the only one that borrows into its highest bit.
    let zeros = !bytes;
    zeros.wrapping_sub(0x0101_0101_0101_0101) & !zeros & 0x8080_8080_8080_8080 != 0
}

/// Which coefficients of a block are wanted, and by what they are multiplied.
pub(super) struct Wanted {
    places: [u8; 128],
    steps: [f32; 128],
}

impl Wanted {
    /// Those of the first `columns` and `rows`, of blocks with these quantization steps in the order of the file.
    pub(super) fn new(columns: usize, rows: usize, quantization: &[u8; 64]) -> Wanted {
        let mut wanted = Wanted { places: [NOWHERE; 128], steps: [0.0; 128] };
        for (k, (&place, &step)) in ZIGZAG.iter().zip(quantization).enumerate() {
            if usize::from(place % 8) < columns && usize::from(place / 8) < rows {
                wanted.places[k] = place;
            }
            wanted.steps[k] = f32::from(step);
        }
        wanted
    }

    #[inline(always)]
    fn put(&self, k: usize, value: i32, coefficients: &mut [f32; 128]) {
        coefficients[usize::from(self.places[k & 127] & 127)] = value as f32 * self.steps[k & 127];
    }
}
