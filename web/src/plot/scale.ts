// From values to places: linear, logarithmic, and the logarithm on both sides of zero.

export type ScaleName = 'linear' | 'log' | 'symlog';
export type Domain = [number, number];

export interface Scale {
  /** 0 to 1 for values of the domain; NaN for what has no place. */
  place: (value: number) => number;
  ticks: (wanted: number) => number[];
}

export function makeScale(name: ScaleName, [low, high]: Domain): Scale {
  if (name === 'log') {
    const from = Math.log10(low > 0 ? low : high > 0 ? high / 1e6 : 1e-3);
    const to = Math.max(from + 1e-9, Math.log10(high > 0 ? high : 1));
    return { place: (v) => (v > 0 ? (Math.log10(v) - from) / (to - from) : NaN), ticks: () => decades(from, to) };
  }
  if (name === 'symlog') {
    // Linear near zero, where the smallest thousandth of the range lies.
    const unit = Math.max(Math.abs(low), Math.abs(high)) / 1000 || 1;
    const bend = (v: number) => Math.sign(v) * Math.log1p(Math.abs(v) / unit);
    const from = bend(low);
    const span = bend(high) - from || 1;
    return { place: (v) => (bend(v) - from) / span, ticks: (wanted) => niceTicks([low, high], wanted) };
  }
  const span = high - low || 1;
  return { place: (v) => (v - low) / span, ticks: (wanted) => niceTicks([low, high], wanted) };
}

/** Round numbers in a range, about as many as wanted. */
export function niceTicks([low, high]: Domain, wanted: number): number[] {
  if (!(high > low) || wanted < 1) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  // Counted from the first one: near 2^64 there are whole numbers that one more does not change.
  const first = Math.ceil(low / step - 1e-9) * step;
  const count = Math.floor((high - first) / step + 1e-9);
  const ticks = Array.from({ length: Math.max(0, Math.min(count, 2 * wanted) + 1) || 0 }, (_, i) => Number((first + i * step).toPrecision(12)));
  return [...new Set(ticks)];
}

/**
 * Round coordinates on an axis of indices: the place of a coordinate is that of the index where it stands, or would stand.
 * Nothing where coordinates do not rise or fall throughout.
 */
export function coordinateScale(values: ArrayLike<number | bigint>, [low, high]: Domain): Scale | undefined {
  const last = values.length - 1;
  if (last < 1 || !isMonotonic(values)) return undefined;
  const rises = Number(values[last]) > Number(values[0]);
  const at = (index: number) => Number(values[Math.max(0, Math.min(last, Math.round(index)))]);
  const place = (value: number) => {
    let [a, b] = [0, last];
    while (b - a > 1) {
      const middle = (a + b) >> 1;
      if (Number(values[middle]) <= value === rises) a = middle;
      else b = middle;
    }
    const [from, to] = [Number(values[a]), Number(values[b])];
    return (a + (value - from) / (to - from) - low) / (high - low || 1);
  };
  const ends = [at(Math.ceil(low)), at(Math.floor(high))].sort((x, y) => x - y) as Domain;
  return { place, ticks: (wanted) => niceTicks(ends, wanted) };
}

const monotonic = new WeakMap<object, boolean>();

function isMonotonic(values: ArrayLike<number | bigint>): boolean {
  const known = monotonic.get(values);
  if (known !== undefined) return known;
  const rises = values[1] > values[0];
  let is = true;
  for (let i = 1; is && i < values.length; i++) {
    // NaN is neither.
    is = (rises ? values[i] > values[i - 1] : values[i] < values[i - 1]) && Number.isFinite(Number(values[i]));
  }
  monotonic.set(values, is);
  return is;
}

function decades(from: number, to: number): number[] {
  const step = Math.max(1, Math.ceil((to - from) / 8));
  const ticks: number[] = [];
  for (let power = Math.ceil(from - 1e-9); power <= to + 1e-9; power += step) ticks.push(10 ** power);
  return ticks.length > 0 ? ticks : [10 ** from];
}

/** The range of finite values; `inside` leaves out that share at each end. */
export function domainOf(values: ArrayLike<number>, inside = 0): Domain {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v < low && v !== -Infinity) low = v;
    if (v > high && v !== Infinity) high = v;
  }
  if (low > high) return [0, 1];
  if (inside > 0) {
    const finite = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
    low = finite[Math.floor(inside * (finite.length - 1))];
    high = finite[Math.ceil((1 - inside) * (finite.length - 1))];
  }
  return low === high ? [low - (Math.abs(low) * 0.1 || 0.5), high + (Math.abs(high) * 0.1 || 0.5)] : [low, high];
}
