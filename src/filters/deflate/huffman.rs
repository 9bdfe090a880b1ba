//! Huffman codes of limited length for counted symbols, and what entropy says they will cost.

/// Symbols of the larger alphabet: literals, the end of a block, lengths.
pub(super) const LITLENS: usize = 286;
pub(super) const DISTANCES: usize = 30;

/// A symbol's bits, the first one lowest, and how many they are; 0 of them where the symbol has none.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

/// The lengths of a Huffman code for symbols that occur so often, at most `longest` bits. The code is complete, as every
/// decoder takes it: where fewer than two symbols occur, others get a code, too.
pub(super) fn lengths<const N: usize>(counts: &[u32; N], longest: usize) -> [u8; N] {
    let (mut used, mut n) = ([(0u32, 0u16); N], 0);
    for (symbol, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        used[n] = (count, symbol as u16);
        n += 1;
    }
    let mut lengths = [0; N];
    if n < 2 {
        let one = usize::from(used[0].1);
        lengths[one] = 1;
        lengths[usize::from(one == 0)] = 1;
        return lengths;
    }
    let used = &mut used[..n];
    used.sort_unstable();
    let mut of_length = tree(used);
    // Too long ones are cut, and others made longer until the code is one again.
    let mut excess = 0u64;
    let cut: u32 = of_length[longest + 1..].iter().sum();
    if cut > 0 {
        of_length[longest] += cut;
        let taken: u64 = (1..=longest).map(|l| u64::from(of_length[l]) << (longest - l)).sum();
        excess = taken - (1 << longest);
    }
    for _ in 0..excess {
        let shorter = (1..longest).rev().find(|&l| of_length[l] > 0).unwrap_or(1);
        of_length[shorter] -= 1;
        of_length[shorter + 1] += 2;
        of_length[longest] -= 1;
    }
    let mut symbols = used.iter().map(|(_, symbol)| usize::from(*symbol));
    for length in (1..=longest).rev() {
        for symbol in symbols.by_ref().take(of_length[length] as usize) {
            lengths[symbol] = length as u8;
        }
    }
    lengths
}

/// How many leaves of a Huffman tree are how deep; `used` are sorted, two or more. The depth of 286 leaves that are
/// counted in 32 bits is below 48.
fn tree(used: &[(u32, u16)]) -> [u32; 64] {
    const MOST: usize = 2 * LITLENS;
    let n = used.len();
    let (mut weights, mut parents) = ([0u64; MOST], [0u16; MOST]);
    for (weight, (count, _)) in weights.iter_mut().zip(used) {
        *weight = u64::from(*count);
    }
    // Leaves and inner nodes are each in order of weight: the least is in front of one of both.
    let (mut leaf, mut inner) = (0, n);
    for new in n..2 * n - 1 {
        for _ in 0..2 {
            let from =
                if leaf < n && (inner == new || weights[leaf] <= weights[inner]) { &mut leaf } else { &mut inner };
            parents[*from] = new as u16;
            weights[new] += weights[*from];
            *from += 1;
        }
    }
    let (mut depths, mut of_length) = ([0u8; MOST], [0; 64]);
    for node in (0..2 * n - 2).rev() {
        depths[node] = depths[usize::from(parents[node])] + 1;
        if node < n {
            of_length[usize::from(depths[node].min(63))] += 1;
        }
    }
    of_length
}

/// The codes that decoders give to such lengths.
pub(super) fn codes<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    // Codes of one length are counted where the first code of the next length is made of them.
    let mut next = [0u16; 17];
    for &length in lengths.iter().filter(|l| **l > 0) {
        next[usize::from(length) + 1] += 1;
    }
    for length in 1..17 {
        next[length] = (next[length] + next[length - 1]) << 1;
    }
    let mut codes = [Code::default(); N];
    for (code, &length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let next = &mut next[usize::from(length)];
        *code = Code { bits: next.reverse_bits() >> (16 - length), length };
        *next += 1;
    }
    codes
}

/// Parts of a bit in which costs are told.
pub(super) const BIT: u32 = 1 << 8;

/// The logarithm of 1 to 2, in 256 steps, in parts of a bit: by squaring, in whole numbers, the same on every machine.
static LOGARITHMS: [u16; 257] = {
    let mut table = [0; 257];
    let mut i = 0;
    while i <= 256 {
        let (mut x, mut log, mut bit) = ((256 + i as u64) << 22, 0, BIT as u16 / 2);
        if i == 256 {
            log = BIT as u16;
            bit = 0;
        }
        while bit > 0 {
            x = (x * x) >> 30;
            if x >= 2 << 30 {
                x >>= 1;
                log += bit;
            }
            bit /= 2;
        }
        table[i] = log;
        i += 1;
    }
    table
};

/// The logarithm of `n` to base 2, in parts of a bit; of 0, 0.
#[inline(always)]
pub(super) fn logarithm(n: u32) -> u32 {
    let whole = 31 - (n | 1).leading_zeros();
    let next = if whole >= 8 { n >> (whole - 8) } else { n << (8 - whole) };
    whole * BIT + u32::from(LOGARITHMS[(next & 255) as usize])
}

/// The least that symbols that occur so often can cost, in parts of a bit.
pub(super) fn entropy(counts: &[u32]) -> u64 {
    let (mut n, mut saved) = (0, 0);
    for &count in counts {
        n += count;
        saved += u64::from(count) * u64::from(logarithm(count));
    }
    (u64::from(n) * u64::from(logarithm(n))).saturating_sub(saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space<const N: usize>(lengths: &[u8; N]) -> u64 {
        lengths.iter().filter(|l| **l > 0).map(|l| 1u64 << (15 - l)).sum()
    }

    #[test]
    fn codes_are_complete_and_no_longer_than_they_may_be() {
        let (mut a, mut b) = (1u32, 1u32);
        let steep: [u32; 30] = std::array::from_fn(|_| {
            (a, b) = (b, a.saturating_add(b));
            a
        });
        for longest in [5, 7, 14, 15] {
            let lengths = lengths(&steep, longest);
            assert_eq!(space(&lengths), 1 << 15);
            assert!(lengths.iter().all(|l| (1..=longest as u8).contains(l)));
            assert!(lengths.is_sorted_by(|a, b| a >= b));
        }
        for counts in [[0; 30], [0, 7, 0].repeat(10).try_into().unwrap(), [5; 30]] {
            assert_eq!(space(&lengths(&counts, 15)), 1 << 15);
        }
        let mut one = [0; 30];
        one[4] = 9;
        assert_eq!(space(&lengths(&one, 15)), 1 << 15);
        assert_eq!(lengths(&[10, 1, 5, 1], 15), [1, 3, 2, 3]);
    }

    #[test]
    fn codes_are_those_of_the_specification() {
        // The example of RFC 1951, 3.2.2.
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let plain: Vec<u16> = codes.iter().map(|c| c.bits.reverse_bits() >> (16 - c.length)).collect();
        assert_eq!(plain, [2, 3, 4, 5, 6, 0, 14, 15]);
    }

    #[test]
    fn entropy_is_what_it_is() {
        assert_eq!(entropy(&[]), 0);
        assert_eq!(entropy(&[9]), 0);
        assert_eq!(entropy(&[8; 256]), 8 * 8 * 256 * u64::from(BIT));
        let (cost, exact) = (entropy(&[3, 1, 4, 1, 5]) as f64 / f64::from(BIT), 14.0 * 2.1028);
        assert!((cost / exact - 1.0).abs() < 0.02, "{cost} {exact}");
    }
}
