//! Where an axis has ticks, and how its numbers are written.

use super::numbers::Extent;

/// From values to places between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// A scale over `extent`; over something around it where it is a point, and from 0 to 1 where it is empty.
    pub(super) fn linear(extent: Extent) -> Scale {
        let Extent { low, high } = match extent {
            e if e.is_empty() => Extent { low: 0.0, high: 1.0 },
            Extent { low, high } if low == high => {
                let around = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
                Extent { low: low - around, high: high + around }
            }
            e => e,
        };
        Scale { low, high, log: false }
    }

    /// A scale from `first` to `last`, which may be the smaller one.
    pub(super) fn between(first: f64, last: f64) -> Scale {
        if first > last && first.is_finite() && last.is_finite() {
            return Scale { low: first, high: last, log: false };
        }
        Scale::linear(Extent::of([first, last]))
    }

    /// A logarithmic scale over the values above 0 of `extent`; linear where there are none.
    pub(super) fn logarithmic(extent: Extent) -> Scale {
        if extent.is_empty() || extent.high <= 0.0 {
            return Scale::linear(extent);
        }
        // Zero and what is below it has no place; show at most twelve decades.
        let low = if extent.low > 0.0 { extent.low } else { extent.high * 1e-12 };
        let (low, high) = if low < extent.high { (low, extent.high) } else { (low / 2.0, low * 2.0) };
        Scale { low, high, log: true }
    }

    /// The same scale with a little room at both ends.
    pub(super) fn with_room(self) -> Scale {
        if self.log {
            let room = (self.high / self.low).powf(0.04);
            if !room.is_finite() {
                return self;
            }
            return Scale { low: self.low / room, high: self.high * room, ..self };
        }
        let room = (self.high - self.low) * 0.04;
        if room.is_finite() { Scale { low: self.low - room, high: self.high + room, ..self } } else { self }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Where a value lies: 0 at the low end, 1 at the high one. Nothing where it has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            // Halves, since the whole distance may be more than a float holds.
            (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        };
        place.is_finite().then_some(place)
    }

    /// Values for ticks, about `wanted` of them, with their texts.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let values = if self.log { self.decades(wanted) } else { self.steps(wanted) };
        let all: Vec<f64> = values.collect();
        let step = all.windows(2).filter_map(|w| Some((w.get(1)? - w.first()?).abs())).fold(f64::INFINITY, f64::min);
        let text = |v: f64| if self.log { number(v) } else { rounded(v, step) };
        all.into_iter().map(|v| (v, text(v))).collect()
    }

    fn steps(&self, wanted: usize) -> Box<dyn Iterator<Item = f64>> {
        let (low, high) = (self.low.min(self.high), self.low.max(self.high));
        let raw = (high / 2.0 - low / 2.0) / wanted.max(1) as f64 * 2.0;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|s| *s >= raw).unwrap_or(raw);
        let first = (low / step).ceil();
        let count = ((high / step).floor() - first).clamp(-1.0, 100.0) + 1.0;
        if !step.is_finite() || step <= 0.0 || !first.is_finite() {
            return Box::new([low, high].into_iter());
        }
        Box::new((0..count as u32).map(move |i| (first + f64::from(i)) * step))
    }

    fn decades(&self, wanted: usize) -> Box<dyn Iterator<Item = f64>> {
        let power = |n: f64| n.clamp(-400.0, 400.0) as i32;
        let (first, last) = (power(self.low.log10().ceil()), power(self.high.log10().floor()));
        if last <= first {
            return self.steps(wanted);
        }
        let every = (last - first + 1).div_euclid(wanted.max(1) as i32).max(1);
        Box::new((first..=last).step_by(every as usize).map(|n| 10f64.powi(n)))
    }
}

/// A number in few characters: six digits, with an exponent where it is very large or very small.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").replace("-0", "0");
    }
    let size = value.abs().log10().floor() as i32;
    if !(-4..7).contains(&size) {
        let text = format!("{value:.5e}");
        let Some((digits, exponent)) = text.split_once('e') else {
            return text;
        };
        return format!("{}e{exponent}", trimmed(digits));
    }
    trimmed(&format!("{value:.*}", (5 - size).clamp(0, 10) as usize)).to_owned()
}

/// A tick's number: as many decimals as tell it from its neighbours.
fn rounded(value: f64, step: f64) -> String {
    let size = value.abs().max(step).log10().floor();
    if !step.is_finite() || step <= 0.0 || !(-4.0..7.0).contains(&size) {
        return number(value);
    }
    // A step of 0.01 may come out as a little less.
    let decimals = (-(step.log10() + 1e-6).floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) { "0".to_owned() } else { text }
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, wanted: usize) -> Vec<String> {
        scale.ticks(wanted).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside() {
        let of = |low, high| texts(Scale::linear(Extent { low, high }), 5);
        assert_eq!(of(0.0, 10.0), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(of(-0.13, 0.21), ["-0.1", "0", "0.1", "0.2"]);
        assert_eq!(of(1e9, 3e9), ["1e9", "1.5e9", "2e9", "2.5e9", "3e9"]);
        assert_eq!(of(273.15, 273.19), ["273.15", "273.16", "273.17", "273.18", "273.19"]);
    }

    #[test]
    fn an_axis_may_fall() {
        let scale = Scale::between(10.0, 0.0);
        assert_eq!((scale.place(10.0), scale.place(0.0)), (Some(0.0), Some(1.0)));
        assert_eq!(texts(scale, 2), ["0", "5", "10"]);
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        assert_eq!(texts(Scale::logarithmic(Extent { low: 0.5, high: 2000.0 }), 5), ["1", "10", "100", "1000"]);
        let scale = Scale::logarithmic(Extent { low: 1.0, high: 100.0 });
        assert!((scale.place(10.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(scale.place(0.0), None);
        assert!(!Scale::logarithmic(Extent { low: -3.0, high: -1.0 }).log);
    }

    #[test]
    fn every_extent_gives_a_scale_with_a_bounded_number_of_ticks() {
        let ends = [0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, f64::MAX, f64::MIN, 5e-324, 1e300];
        for (low, high) in ends.iter().flat_map(|&a| ends.iter().map(move |&b| (a, b))) {
            for scale in [Scale::linear(Extent { low, high }), Scale::logarithmic(Extent { low, high })] {
                for scale in [scale, scale.with_room()] {
                    assert!(scale.ticks(6).len() <= 101, "{low} {high}");
                    let _ = scale.place(low);
                }
            }
        }
        assert_eq!(Scale::linear(Extent::EMPTY).place(0.5), Some(0.5));
        assert_eq!(Scale::linear(Extent { low: 7.0, high: 7.0 }).place(7.0), Some(0.5));
    }

    #[test]
    fn numbers_are_short() {
        let of = [0.1 + 0.2, 1.0, 1234.5678, 1e-7, -2.5e11, 123456.0, f64::NAN, 0.0001];
        assert_eq!(of.map(number), ["0.3", "1", "1234.57", "1e-7", "-2.5e11", "123456", "NaN", "0.0001"]);
    }
}
