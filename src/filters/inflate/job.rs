//! A zlib stream block by block: its header, the codes of each block, its checksum.

use super::stream::{Step, Stream};
use super::table::{LengthTable, Tables};
use super::witness::Witness;
use super::{Fault, Inflated, fast};
use simd_adler32::Adler32;

/// A stream on its way.
pub(super) struct Job<'i, 'o, W> {
    input: &'i [u8],
    pub(super) stream: Stream<'i, 'o, W>,
    sum: Adler32,
    /// Bytes of the output that are in the sum.
    summed: usize,
    /// Whether the block at hand is the last.
    last: bool,
    /// Whether it stands inside of a block of codes.
    inside: bool,
    done: Option<Result<Inflated, Fault>>,
}

type Part<T> = Result<T, &'static str>;

const ENDS_IN_HEADER: &str = "ends in a header";

impl<'i, 'o, W: Witness> Job<'i, 'o, W> {
    /// `witness` is told of all matches.
    pub(super) fn new(input: &'i [u8], out: &'o mut [u8], witness: &'o mut W) -> Self {
        let stream = Stream::new(input.get(2..).unwrap_or_default(), out, witness);
        let done = zlib_header(input).err().map(|what| Err(Fault { written: 0, what }));
        Job { input, stream, sum: Adler32::new(), summed: 0, last: false, inside: false, done }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.is_some()
    }

    /// Goes on until it stands inside of a block of codes or is done.
    pub(super) fn enter(&mut self, t: &mut Tables) {
        if !self.inside && self.done.is_none() {
            self.add_to_sum();
            match self.next_block(t) {
                Ok(None) => self.inside = true,
                Ok(Some(whole)) => self.done = Some(Ok(self.inflated(whole))),
                Err(what) => self.done = Some(Err(self.fault(what))),
            }
        }
    }

    /// Takes note of what the last step in a block came to; goes on where there is no room ahead.
    pub(super) fn leave(&mut self, step: Step, t: &Tables) {
        let step = if step == Step::Go { self.stream.careful(t) } else { step };
        let what = match step {
            Step::Go => return,
            Step::End => {
                self.inside = false;
                return;
            }
            Step::Full => {
                self.done = Some(Ok(self.inflated(false)));
                return;
            }
            Step::NoCode => "a code that does not exist",
            Step::NoDistance => "a code of a distance that does not exist",
            Step::TooFar => "a distance to before the beginning",
            Step::Short => "ends in a block",
        };
        self.done = Some(Err(self.fault(what)));
    }

    /// Goes on alone to the end.
    pub(super) fn finish(mut self, t: &mut Tables) -> Result<Inflated, Fault> {
        loop {
            self.enter(t);
            if let Some(done) = self.done {
                return done;
            }
            let step = fast(&mut self.stream, t);
            self.leave(step, t);
        }
    }

    fn inflated(&self, whole: bool) -> Inflated {
        Inflated { written: self.stream.at, whole }
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault { written: self.stream.at, what }
    }

    /// While it is still in the processor's cache.
    fn add_to_sum(&mut self) {
        self.sum.write(&self.stream.out[self.summed..self.stream.at]);
        self.summed = self.stream.at;
    }

    /// To the next block of codes: `None`. Otherwise whether the stream is over or the output full.
    fn next_block(&mut self, t: &mut Tables) -> Part<Option<bool>> {
        while !self.last {
            self.last = self.bits(1)? == 1;
            match self.bits(2)? {
                0 if self.stored()? => return Ok(Some(false)),
                0 => {}
                1 => {
                    t.set_fixed();
                    return Ok(None);
                }
                2 => return self.codes(t).map(|()| None),
                _ => return Err("a kind of block that does not exist"),
            }
        }
        self.stream.align(self.input);
        let sum = self.stream.input.first_chunk().ok_or("ends before its checksum")?;
        if u32::from_be_bytes(*sum) == self.sum.finish() { Ok(Some(true)) } else { Err("its checksum is another") }
    }

    fn bits(&mut self, n: u32) -> Part<u32> {
        self.stream.take_bits(n).ok_or(ENDS_IN_HEADER)
    }

    /// A block of bytes as they are; whether the output is too small for it.
    fn stored(&mut self) -> Part<bool> {
        self.stream.align(self.input);
        let Stream { input, out, at, .. } = &mut self.stream;
        let (&[a, b, c, d], rest) = input.split_first_chunk().ok_or(ENDS_IN_HEADER)?;
        let length = u16::from_le_bytes([a, b]);
        if length != !u16::from_le_bytes([c, d]) {
            return Err("a stored block of two lengths");
        }
        let (length, room) = (usize::from(length), out.len() - *at);
        let n = length.min(room).min(rest.len());
        out[*at..*at + n].copy_from_slice(&rest[..n]);
        (*input, *at) = (&rest[n..], *at + n);
        self.add_to_sum();
        if n < length && n < room { Err("ends in a stored block") } else { Ok(n < length) }
    }

    /// The codes of a block, by their lengths.
    fn codes(&mut self, t: &mut Tables) -> Part<()> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (litlens, distances, n) = (self.bits(5)? + 257, self.bits(5)? + 1, self.bits(4)? + 4);
        if litlens > 286 || distances > 30 {
            return Err("more codes than exist");
        }
        let mut lengths = [0; 19];
        for &place in &ORDER[..n as usize] {
            lengths[place] = self.bits(3)? as u8;
        }
        let table = LengthTable::new(&lengths).ok_or("codes of lengths that do not fit together")?;
        // The longest repetition may reach beyond the last one.
        let mut all = [0u8; 316 + 138];
        let (mut at, end) = (0, (litlens + distances) as usize);
        while at < end {
            let symbol = self.stream.take_symbol(&table).ok_or("a length's code does not exist")?;
            let (value, base, extra) = match symbol {
                0..16 => (symbol, 1, 0),
                16 => (*at.checked_sub(1).and_then(|i| all.get(i)).ok_or("a repetition of nothing")?, 3, 2),
                17 => (0, 3, 3),
                _ => (0, 11, 7),
            };
            let n = base + self.bits(extra)? as usize;
            all[at..at + n].fill(value);
            at += n;
        }
        if at > end {
            return Err("more lengths than codes");
        }
        let (litlen, distance) = all[..end].split_at(litlens as usize);
        t.set(litlen, distance)
    }
}

/// Deflate, a window of at most 32 KiB, no dictionary.
fn zlib_header(input: &[u8]) -> Part<()> {
    let &[method, flags, ..] = input else { return Err(ENDS_IN_HEADER) };
    if method & 15 != 8 || method >> 4 > 7 || u16::from_be_bytes([method, flags]) % 31 != 0 {
        return Err("no zlib header");
    }
    if flags & 0x20 == 0 { Ok(()) } else { Err("needs a dictionary") }
}
