// The part of `ndarray` 1.0.19 that H5Web uses. The original compiles an accessor class for each number of
// dimensions out of a string (`new Function`); this one needs no such right.

type Data = ArrayLike<unknown> & Record<number, unknown>;

const NAMES: [abstract new (...args: never[]) => unknown, string][] = [
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [Int8Array, 'int8'],
  [Int16Array, 'int16'],
  [Int32Array, 'int32'],
  [Uint8Array, 'uint8'],
  [Uint16Array, 'uint16'],
  [Uint32Array, 'uint32'],
  [Uint8ClampedArray, 'uint8_clamped'],
  [BigInt64Array, 'bigint64'],
  [BigUint64Array, 'biguint64'],
];

function nameOf(data: Data): string {
  for (const [type, name] of NAMES) if (data instanceof type) return name;
  return Array.isArray(data) ? 'array' : 'generic';
}

class View {
  readonly dtype: string;
  readonly dimension: number;

  constructor(
    readonly data: Data,
    readonly shape: number[],
    readonly stride: number[],
    readonly offset: number,
  ) {
    this.dtype = nameOf(data);
    this.dimension = shape.length;
  }

  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get order(): number[] {
    return this.stride.map((_, axis) => axis).sort((a, b) => Math.abs(this.stride[a]) - Math.abs(this.stride[b]));
  }

  index(...at: number[]): number {
    let place = this.offset;
    for (let axis = 0; axis < this.stride.length; axis++) place += this.stride[axis] * (at[axis] ?? 0);
    return place;
  }

  get(i = 0, j = 0, k = 0, ...rest: number[]): unknown {
    const { stride: s, offset: o } = this;
    // The first three without an array for the arguments: a heat map asks a million times.
    if (s.length === 1) return this.data[o + s[0] * i];
    if (s.length === 2) return this.data[o + s[0] * i + s[1] * j];
    if (s.length === 3) return this.data[o + s[0] * i + s[1] * j + s[2] * k];
    return this.data[this.index(i, j, k, ...rest)];
  }

  set(...args: unknown[]): unknown {
    const at = args.slice(0, this.stride.length) as number[];
    return (this.data[this.index(...at)] = args[this.stride.length]);
  }

  pick(...at: (number | null | undefined)[]): View {
    let offset = this.offset;
    const shape: number[] = [];
    const stride: number[] = [];
    for (let axis = 0; axis < this.shape.length; axis++) {
      const fixed = at[axis];
      if (typeof fixed === 'number' && fixed >= 0) {
        offset += this.stride[axis] * fixed;
      } else {
        shape.push(this.shape[axis]);
        stride.push(this.stride[axis]);
      }
    }
    return new View(this.data, shape, stride, offset);
  }

  transpose(...axes: number[]): View {
    const order = axes.length > 0 ? axes : this.shape.map((_, axis) => this.shape.length - 1 - axis);
    const shape = order.map((axis) => this.shape[axis]);
    return new View(this.data, shape, order.map((axis) => this.stride[axis]), this.offset);
  }

  step(...steps: (number | null | undefined)[]): View {
    let offset = this.offset;
    const shape = [...this.shape];
    const stride = [...this.stride];
    steps.forEach((step, axis) => {
      if (typeof step !== 'number') return;
      if (step < 0) offset += stride[axis] * (shape[axis] - 1);
      shape[axis] = Math.ceil(shape[axis] / Math.abs(step));
      stride[axis] *= step;
    });
    return new View(this.data, shape, stride, offset);
  }

  lo(...from: (number | null | undefined)[]): View {
    let offset = this.offset;
    const shape = [...this.shape];
    from.forEach((start, axis) => {
      if (typeof start !== 'number') return;
      offset += this.stride[axis] * start;
      shape[axis] -= start;
    });
    return new View(this.data, shape, [...this.stride], offset);
  }

  hi(...to: (number | null | undefined)[]): View {
    const shape = this.shape.map((n, axis) => to[axis] ?? n);
    return new View(this.data, shape, [...this.stride], this.offset);
  }
}

export default function ndarray(data: Data, shape: number[] = [data.length], stride?: number[], offset = 0): View {
  if (stride) return new View(data, [...shape], stride, offset);
  const rowMajor = new Array<number>(shape.length);
  let size = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    rowMajor[axis] = size;
    size *= shape[axis];
  }
  return new View(data, [...shape], rowMajor, offset);
}
