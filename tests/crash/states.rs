//! All states in which a disk can be found after it, or the program, stopped at any moment.

use super::disk::{Op, apply, parts};

const SECTOR: u64 = 512;
const PAGE: u64 = 4096;

/// A state: its bytes, how many operations were done before it, whether another one had begun, and what it is.
pub(crate) struct State {
    pub(crate) bytes: Vec<u8>,
    pub(crate) done: usize,
    pub(crate) begun: usize,
    pub(crate) what: String,
}

/// A small generator of numbers: the same ones on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Gives `see` every state that `ops`, done to `start`, can be stopped in; of what a failing disk can make of unsynced
/// sectors as many as there are `choices` at each point.
pub(crate) fn all(start: &[u8], ops: &[Op], choices: u64, see: &mut dyn FnMut(State)) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut certain = start.to_vec();
    let mut durable = 0;
    for stop in 0..=ops.len() {
        // The program was stopped: the system goes on to write what it was given.
        let mut bytes = certain.clone();
        let pending = &ops[durable..stop];
        pending.iter().for_each(|op| apply(&mut bytes, op));
        see(State { bytes: bytes.clone(), done: stop, begun: stop, what: format!("stopped before operation {stop}") });
        if let Some(op) = ops.get(stop) {
            torn(&bytes, op, stop, see);
        }
        // The power failed: what was not synced may have reached the disk, in any part and in any order.
        unsynced(&certain, pending, stop, (choices, &mut random), see);
        if matches!(ops.get(stop), Some(Op::Sync)) {
            certain = bytes;
            durable = stop + 1;
        }
    }
}

/// A write of which a part is done when the program is stopped.
fn torn(before: &[u8], op: &Op, stop: usize, see: &mut dyn FnMut(State)) {
    for (unit, name) in [(SECTOR, "sector"), (PAGE, "page")] {
        let mut bytes = before.to_vec();
        let pieces = parts(op, unit);
        for (i, piece) in pieces.iter().enumerate().take(pieces.len().saturating_sub(1)) {
            apply(&mut bytes, piece);
            let what = format!("operation {stop} torn behind its {name} {i}");
            see(State { bytes: bytes.clone(), done: stop, begun: stop + 1, what });
        }
    }
}

fn unsynced(
    certain: &[u8],
    pending: &[Op],
    stop: usize,
    (choices, random): (u64, &mut Random),
    see: &mut dyn FnMut(State),
) {
    if pending.is_empty() {
        return;
    }
    let mut give = |chosen: &[&Op], what: String| {
        let mut bytes = certain.to_vec();
        chosen.iter().for_each(|op| apply(&mut bytes, op));
        see(State { bytes, done: stop, begun: stop, what });
    };
    let from = |mask: u64| -> Vec<&Op> {
        pending.iter().enumerate().filter(|(i, _)| mask >> (i % 64) & 1 == 1).map(|(_, op)| op).collect()
    };
    // Every choice of whole operations where there are few, else each one alone and all but each one.
    let masks: Vec<u64> = match pending.len() {
        n @ 0..=5 => (0..1 << n).collect(),
        n => (0..n).flat_map(|i| [1 << (i % 64), !(1 << (i % 64))]).collect(),
    };
    for mask in masks {
        let mut chosen = from(mask);
        give(&chosen, format!("before operation {stop}, of those unsynced {mask:b}"));
        chosen.reverse();
        give(&chosen, format!("before operation {stop}, of those unsynced {mask:b} backwards"));
    }
    // Sectors, each by itself, in a random order.
    let sectors: Vec<Op> = pending.iter().flat_map(|op| parts(op, SECTOR)).collect();
    for choice in 0..choices {
        let mut chosen: Vec<&Op> = sectors.iter().filter(|_| !random.next().is_multiple_of(1 + choice % 4)).collect();
        if choice % 2 == 1 {
            for i in (1..chosen.len()).rev() {
                chosen.swap(i, (random.next() % (i as u64 + 1)) as usize);
            }
        }
        give(&chosen, format!("before operation {stop}, unsynced sectors, choice {choice}"));
    }
}
