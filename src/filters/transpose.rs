//! Transposing squares of 8 × 8 bits and bytes that are held in eight 64-bit numbers. Only shifts and masks, each on all
//! of a number: the compiler vectorises loops over them.

/// Exchanges the bits of `a` that are `shift` above those of `mask` with those of `b` that `mask` has.
#[inline(always)]
fn exchange(rows: &mut [u64; 8], a: usize, b: usize, shift: u32, mask: u64) {
    let t = ((rows[a] >> shift) ^ rows[b]) & mask;
    rows[b] ^= t;
    rows[a] ^= t << shift;
}

/// Numbers four, two and one apart exchange what the three masks say, each `shift` times as many bits below.
#[inline(always)]
fn transpose(rows: &mut [u64; 8], shift: u32, masks: [u64; 3]) {
    for (a, b) in [(0, 4), (1, 5), (2, 6), (3, 7)] {
        exchange(rows, a, b, 4 * shift, masks[0]);
    }
    for (a, b) in [(0, 2), (1, 3), (4, 6), (5, 7)] {
        exchange(rows, a, b, 2 * shift, masks[1]);
    }
    for (a, b) in [(0, 1), (2, 3), (4, 5), (6, 7)] {
        exchange(rows, a, b, shift, masks[2]);
    }
}

/// In each byte: bit `i` of number `k` becomes bit `k` of number `i`.
#[inline(always)]
pub(super) fn bits(rows: &mut [u64; 8]) {
    transpose(rows, 1, [0x0f0f_0f0f_0f0f_0f0f, 0x3333_3333_3333_3333, 0x5555_5555_5555_5555]);
}

/// Byte `i` of number `k` becomes byte `k` of number `i`.
#[inline(always)]
pub(super) fn bytes(rows: &mut [u64; 8]) {
    transpose(rows, 8, [0x0000_0000_ffff_ffff, 0x0000_ffff_0000_ffff, 0x00ff_00ff_00ff_00ff]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_become_columns() {
        let start: [u64; 8] = std::array::from_fn(|k| 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(2 * k as u64 + 1));
        let (mut bits, mut bytes) = (start, start);
        super::bits(&mut bits);
        super::bytes(&mut bytes);
        for (i, k, c) in (0..512).map(|n| (n % 8, n / 8 % 8, n / 64)) {
            assert_eq!(bits[i] >> (8 * c + k) & 1, start[k] >> (8 * c + i) & 1);
            assert_eq!(bytes[i] >> (8 * k) & 0xff, start[k] >> (8 * i) & 0xff);
        }
    }
}
