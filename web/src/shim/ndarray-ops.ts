// The one operation of `ndarray-ops` that H5Web uses; the original is compiled out of strings.

interface View {
  data: Record<number, unknown>;
  shape: number[];
  stride: number[];
  offset: number;
}

/** Copies `source` into `target`, element by element; both have the same shape. */
export function assign(target: View, source: View): View {
  const last = target.shape.length - 1;
  const copy = (axis: number, to: number, from: number): void => {
    for (let i = 0; i < target.shape[axis]; i++) {
      const t = to + i * target.stride[axis];
      const s = from + i * source.stride[axis];
      if (axis === last) target.data[t] = source.data[s];
      else copy(axis + 1, t, s);
    }
  };
  if (last < 0) target.data[target.offset] = source.data[source.offset];
  else copy(0, target.offset, source.offset);
  return target;
}

export default { assign };
