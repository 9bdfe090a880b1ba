//! Decoding tables of Huffman codes: the next bits of the stream are the index, the entry says what they are.

/// Bits that are looked up at once; longer codes lead to a second table.
pub(super) const LITLEN_BITS: u32 = 11;
pub(super) const DISTANCE_BITS: u32 = 8;
const CODE_BITS: u32 = 7;

/// Entries enough for every set of codes, as a power of two, so that masked indices need no check.
pub(super) const LITLEN_SIZE: usize = 4096;
pub(super) const DISTANCE_SIZE: usize = 1024;

/// An entry of a table. Bits 0–5: how many bits of the stream it takes in all. The kinds:
/// - [`LITERAL`]: bits 8–9 how many literals (one or two), bits 16–31 the literals.
/// - [`SPECIAL`], see below.
/// - A base: bits 8–11 the bits of the code alone, the others that it takes are extra bits; bits 16–31 the base.
pub(super) type Entry = u32;
pub(super) const LITERAL: Entry = 1 << 15;
/// No literal and no base: alone, a code that does not exist.
pub(super) const SPECIAL: Entry = 1 << 14;
/// Leads to a second table: bits 8–11 its index's bits, bits 16–31 where it begins.
pub(super) const SECOND: Entry = 1 << 13;
/// The end of a block.
pub(super) const END: Entry = 1 << 12;

#[inline(always)]
pub(super) fn takes(e: Entry) -> u32 {
    e & 63
}

/// The codes of a block.
pub(super) struct Tables {
    pub(super) litlen: [Entry; LITLEN_SIZE],
    pub(super) distance: [Entry; DISTANCE_SIZE],
    /// Whether they are those of blocks that say nothing of theirs.
    fixed: bool,
}

impl Default for Tables {
    fn default() -> Self {
        Tables { litlen: [SPECIAL; LITLEN_SIZE], distance: [SPECIAL; DISTANCE_SIZE], fixed: false }
    }
}

const fn litlen_symbols() -> [Entry; 288] {
    let mut all = [SPECIAL; 288];
    let mut n = 0;
    while n < 256 {
        all[n] = LITERAL | 1 << 8 | (n as u32) << 16;
        n += 1;
    }
    all[256] = SPECIAL | END;
    let (mut symbol, mut base) = (257, 3);
    while symbol < 285 {
        let extra = if symbol < 265 { 0 } else { (symbol as u32 - 261) / 4 };
        all[symbol] = base << 16 | extra;
        base += 1 << extra;
        symbol += 1;
    }
    all[285] = 258 << 16;
    all
}

const fn distance_symbols() -> [Entry; 32] {
    let mut all = [SPECIAL; 32];
    let (mut symbol, mut base) = (0, 1);
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { (symbol as u32 - 2) / 2 };
        all[symbol] = base << 16 | extra;
        base += 1 << extra;
        symbol += 1;
    }
    all
}

static LITLEN_SYMBOLS: [Entry; 288] = litlen_symbols();
static DISTANCE_SYMBOLS: [Entry; 32] = distance_symbols();

/// What a code of `length` bits that stands for `symbol` becomes.
#[inline(always)]
fn entry(symbol: Entry, length: u32) -> Entry {
    let base = (symbol & (LITERAL | SPECIAL) == 0) as u32;
    symbol + length + ((length << 8) & base.wrapping_neg())
}

/// Codes by their lengths: 0 to 15 bits each.
struct Codes {
    /// Symbols by length, then by number.
    sorted: [u16; 288],
    counts: [u16; 16],
}

impl Codes {
    /// `None` if there can be no such codes, or if they leave room: only no code at all or a single one of one bit may.
    fn new(lengths: &[u8]) -> Option<Codes> {
        let mut counts = [0u16; 16];
        for &n in lengths {
            counts[usize::from(n & 15)] += 1;
        }
        counts[0] = 0;
        let (mut room, mut used) = (1i32, 0);
        let mut starts = [0u16; 16];
        for n in 1..16 {
            room = 2 * room - i32::from(counts[n]);
            starts[n] = used;
            used += counts[n];
            if room < 0 {
                return None;
            }
        }
        if room > 0 && used > 0 && !(used == 1 && counts[1] == 1) {
            return None;
        }
        let mut sorted = [0; 288];
        for (symbol, &n) in lengths.iter().enumerate() {
            let n = usize::from(n & 15);
            if n > 0 {
                if let Some(place) = sorted.get_mut(usize::from(starts[n])) {
                    *place = symbol as u16;
                }
                starts[n] += 1;
            }
        }
        Some(Codes { sorted, counts })
    }

    /// Fills a table whose first index has `bits` bits.
    fn fill(&self, table: &mut [Entry], bits: u32, symbols: &[Entry]) -> Option<()> {
        if self.total() <= 1 {
            table.get_mut(..1 << bits)?.fill(SPECIAL);
            if self.total() == 1 {
                let one = entry(symbols[usize::from(self.sorted[0])], 1);
                table.get_mut(..1 << bits)?.iter_mut().step_by(2).for_each(|e| *e = one);
            }
            return Some(());
        }
        let mut sorted = self.sorted.iter().map(|&symbol| symbols[usize::from(symbol)]);
        let mut code = 0;
        // Codes that fit the index: the table for n bits is twice that for n - 1.
        for n in 1..=bits {
            for _ in 0..self.counts[n as usize] {
                table[code] = entry(sorted.next()?, n);
                code = next_code(code, n);
            }
            if n < bits {
                table.copy_within(..1 << n, 1 << n);
            }
        }
        self.fill_second(table, bits, code, sorted)
    }

    /// Fills the second tables with the codes that are longer than the index, of which `code` is the first.
    fn fill_second(
        &self,
        table: &mut [Entry],
        bits: u32,
        mut code: usize,
        mut sorted: impl Iterator<Item = Entry>,
    ) -> Option<()> {
        let (mut start, mut end) = (0, 1 << bits);
        let mut head = None;
        for n in bits + 1..16 {
            for i in 0..self.counts[n as usize] {
                let first = code & ((1 << bits) - 1);
                if head != Some(first) {
                    head = Some(first);
                    // As many bits as the codes that begin so need.
                    let mut second = n - bits;
                    let mut room = (1 << second) - i32::from(self.counts[n as usize] - i);
                    while room > 0 && bits + second < 15 {
                        second += 1;
                        room = 2 * room - i32::from(self.counts[(bits + second) as usize]);
                    }
                    (start, end) = (end, end + (1 << second));
                    table.get_mut(start..end)?.fill(SPECIAL);
                    table[first] = SPECIAL | SECOND | (start as u32) << 16 | second << 8 | bits;
                }
                let e = entry(sorted.next()?, n);
                let places = table.get_mut(start + (code >> bits)..end)?;
                places.iter_mut().step_by(1 << (n - bits)).for_each(|place| *place = e);
                code = next_code(code, n);
            }
        }
        Some(())
    }

    fn total(&self) -> u16 {
        self.counts.iter().sum()
    }
}

/// The code behind `code` among those of `length` bits, 0 behind the last; both stand with their first bit lowest.
#[inline(always)]
fn next_code(code: usize, length: u32) -> usize {
    // Add one at the highest bit, the carry goes down.
    let ones = !code & ((1 << length) - 1);
    if ones == 0 {
        return 0;
    }
    let bit = 1usize << ones.ilog2();
    (code & (bit - 1)) | bit
}

impl Tables {
    /// From the lengths of the codes of a block.
    pub(super) fn set(&mut self, litlen: &[u8], distance: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "codes that do not fit together";
        self.fixed = false;
        if litlen.get(256).is_none_or(|&n| n == 0) {
            return Err("no code for the end of a block");
        }
        let codes = Codes::new(litlen).ok_or(WRONG)?;
        codes.fill(&mut self.litlen, LITLEN_BITS, &LITLEN_SYMBOLS).ok_or(WRONG)?;
        let codes = Codes::new(distance).ok_or(WRONG)?;
        codes.fill(&mut self.distance, DISTANCE_BITS, &DISTANCE_SYMBOLS).ok_or(WRONG)?;
        // Of 32, how many symbols are short literals, by their codes: is it worth while to look for pairs?
        let short: u32 = litlen.iter().take(256).filter(|n| (1..=5).contains(*n)).map(|&n| 32 >> n).sum();
        if short >= 8 {
            self.pack();
        }
        Ok(())
    }

    /// Puts two literals in one entry where the bits of both are in the index.
    fn pack(&mut self) {
        // Backwards: what follows is looked up at a smaller index, where still one literal is.
        for i in (0..1usize << LITLEN_BITS).rev() {
            let (e, then) = (self.litlen[i], self.litlen[i >> takes(self.litlen[i])]);
            let both = takes(e) + takes(then);
            if e & then & LITERAL != 0 && both <= LITLEN_BITS {
                self.litlen[i] = LITERAL | 2 << 8 | both | (e & 0xff << 16) | (then & 0xff << 16) << 8;
            }
        }
    }

    /// The codes of blocks that say nothing of theirs.
    pub(super) fn set_fixed(&mut self) {
        if !self.fixed {
            let mut lengths = [8; 288];
            lengths[144..256].fill(9);
            lengths[256..280].fill(7);
            // They do fit together.
            self.fixed = self.set(&lengths, &[5; 32]).is_ok();
        }
    }
}

/// The table of the code that lengths of codes are written in.
pub(super) struct LengthTable([Entry; 1 << CODE_BITS]);

impl LengthTable {
    /// `None` where there is no such code; it must leave no room.
    pub(super) fn new(lengths: &[u8; 19]) -> Option<LengthTable> {
        const SYMBOLS: [Entry; 19] = {
            let mut all = [0; 19];
            let mut n = 0;
            while n < 19 {
                all[n] = LITERAL | (n as u32) << 16;
                n += 1;
            }
            all
        };
        let mut table = [SPECIAL; 1 << CODE_BITS];
        let codes = Codes::new(lengths).filter(|codes| codes.total() > 1)?;
        codes.fill(&mut table, CODE_BITS, &SYMBOLS)?;
        Some(LengthTable(table))
    }

    pub(super) fn get(&self, bits: u64) -> Entry {
        self.0[bits as usize & ((1 << CODE_BITS) - 1)]
    }
}
