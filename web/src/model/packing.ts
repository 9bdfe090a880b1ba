// Packed data, by the CF conventions of netCDF: what is meant is `stored × scale_factor + add_offset`, and a fill value
// means nothing.

import type { ObjectInfo } from '../engine/types';

export interface Packing {
  scale: number;
  offset: number;
  fill: number[];
}

/** How a dataset is packed; nothing where its values are what they say. */
export function packingOf(object: ObjectInfo): Packing | undefined {
  const number = (name: string): number | undefined => {
    const value = object.attributes.find((a) => a.name === name && !a.error)?.value;
    const first = Array.isArray(value) ? value[0] : value;
    return typeof first === 'number' || typeof first === 'bigint' ? Number(first) : undefined;
  };
  const scale = number('scale_factor');
  const offset = number('add_offset');
  const fill = [number('_FillValue'), number('missing_value')].filter((value) => value !== undefined);
  if (scale === undefined && offset === undefined && fill.length === 0) return undefined;
  return { scale: scale ?? 1, offset: offset ?? 0, fill };
}

export function unpack<A extends Float64Array | Float32Array>(values: A, packing: Packing | undefined): A | Float64Array {
  if (!packing) return values;
  const { scale, offset, fill } = packing;
  return Float64Array.from(values, (value) => (fill.includes(value) ? NaN : value * scale + offset));
}
