// Which part of an N-dimensional dataset is shown: one index in most dimensions, and the one or two that run across and
// down. In the address: `at=5,y,x`.

import type { Selection } from '../engine/types';

export interface Slice {
  /** One for each dimension; those at `x` and `y` mean nothing. */
  index: number[];
  /** The dimension that runs across. */
  x: number;
  /** The one that runs down, if two are shown. */
  y?: number;
}

/** The slice shown first: the last two dimensions (or the last one), the first index of the others. */
export function firstSlice(shape: readonly number[], axes: 1 | 2): Slice {
  const index = shape.map(() => 0);
  const x = shape.length - 1;
  return axes === 2 && shape.length > 1 ? { index, x, y: x - 1 } : { index, x };
}

export function formatSlice(slice: Slice): string {
  return slice.index.map((i, axis) => (axis === slice.x ? 'x' : axis === slice.y ? 'y' : String(i))).join(',');
}

/** Reads what `formatSlice` wrote, and `5,:,:`; anything else, or what the shape does not have, is the first slice. */
export function parseSlice(text: string | undefined, shape: readonly number[], axes: 1 | 2): Slice {
  const first = firstSlice(shape, axes);
  const parts = text?.split(',').map((part) => part.trim());
  if (!parts || parts.length !== shape.length) return first;
  let x = parts.indexOf('x');
  let y = parts.indexOf('y');
  const free = parts.flatMap((part, axis) => (part === ':' ? [axis] : []));
  if (x < 0) x = free.pop() ?? -1;
  if (y < 0) y = free.pop() ?? -1;
  if (x < 0) return first;
  const index = parts.map((part, axis) => {
    const n = /^\d+$/.test(part) ? Number(part) : 0;
    return Math.max(0, Math.min(n, shape[axis] - 1));
  });
  if (axes === 1 || shape.length === 1) return { index, x };
  if (y >= 0) return { index, x, y };
  // A line's slice shown as an image: any other dimension runs down.
  return { index, x, y: x === shape.length - 1 ? x - 1 : shape.length - 1 };
}

/** What to read for a slice: whole along its axes, or the window given for them. */
export function selectionOf(slice: Slice, x: [number, number] | null = null, y: [number, number] | null = null): Selection {
  return slice.index.map((i, axis) => (axis === slice.x ? x : axis === slice.y ? y : i));
}

/** Whether the result of a read has rows across the slice's columns: HDF5 keeps the order of dimensions. */
export function isTransposed(slice: Slice): boolean {
  return slice.y !== undefined && slice.y > slice.x;
}
