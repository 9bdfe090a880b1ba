//! A bound on the memory of what several threads do at the same time.

use std::sync::{Condvar, Mutex, PoisonError};

/// Lets work in as long as all that is inside together stays within a budget.
pub(super) struct Gate {
    whole: u64,
    free: Mutex<u64>,
    changed: Condvar,
}

/// Leave to use so much of the budget, until it is dropped.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    cost: u64,
}

impl Gate {
    pub(super) fn new(budget: u64) -> Gate {
        Gate { whole: budget, free: Mutex::new(budget), changed: Condvar::new() }
    }

    /// Waits until `cost` fits. What costs more than the whole budget waits until it is alone.
    /// Who holds a pass must not ask for another: two who do so can wait for each other for ever.
    pub(super) fn enter(&self, cost: u64) -> Pass<'_> {
        let cost = cost.min(self.whole);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(free, |free| *free < cost);
        *waited.unwrap_or_else(PoisonError::into_inner) -= cost;
        Pass { gate: self, cost }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.gate.free.lock().unwrap_or_else(PoisonError::into_inner) += self.cost;
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_than_the_budget_is_ever_inside() {
        let gate = Gate::new(10);
        let (inside, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (gate, inside, most) = (&gate, &inside, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let cost = (thread * 7 + round) % 14;
                        let _pass = gate.enter(cost);
                        let now = inside.fetch_add(cost.min(10), Ordering::SeqCst) + cost.min(10);
                        most.fetch_max(now, Ordering::SeqCst);
                        inside.fetch_sub(cost.min(10), Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 10);
    }
}
