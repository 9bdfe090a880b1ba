// What the dimensions of a dataset mean: dimension scales by DIMENSION_LIST, labels by DIMENSION_LABELS.

import { useFile } from '../app/context';
import type { Engine, ObjectInfo, Value } from '../engine/types';
import { pathOf } from '../model/pathOf';
import { isReference, shortNumber } from '../model/valueText';
import type { Axis } from '../plot/paint';
import { coordinateScale, type Domain } from '../plot/scale';
import { useAsync } from '../ui/useAsync';

export interface Dimension {
  name?: string;
  unit?: string;
  /** The coordinate at each index. */
  values?: ArrayLike<number | bigint>;
}

/** Longer scales are not read for a readout. */
const LONGEST = 200_000;

export function useAxes(object: ObjectInfo): Dimension[] {
  const { engine } = useFile();
  const labels = attribute(object, 'DIMENSION_LABELS');
  const lists = attribute(object, 'DIMENSION_LIST');
  const shape = object.dataset?.shape ?? [];
  const scales = useAsync(async () => {
    if (!Array.isArray(lists)) return [];
    return Promise.all(lists.map((list, axis) => readScale(engine, list, shape[axis]).catch(() => ({}) as Dimension)));
  }, [engine, lists]);
  return shape.map((_, axis) => {
    const label = Array.isArray(labels) ? labels[axis] : undefined;
    const scale = scales.value?.[axis] ?? {};
    return typeof label === 'string' && label !== '' ? { ...scale, name: label } : scale;
  });
}

async function readScale(engine: Engine, list: Value, length: number): Promise<Dimension> {
  const first = Array.isArray(list) ? list[0] : list;
  // In another file addresses mean something else.
  if (!isReference(first) || first.file !== undefined) return {};
  const path = first.path ?? (first.address === undefined ? undefined : await pathOf(engine, first.address));
  if (path === undefined) return {};
  const name = path.split('/').pop();
  const scale = await engine.object(path);
  const { dataset } = scale;
  const isNumbers = dataset?.type.class === 'integer' || dataset?.type.class === 'float';
  if (!dataset || !isNumbers || dataset.shape?.length !== 1 || dataset.shape[0] !== length || length > LONGEST) return { name };
  const { array } = await engine.read(path);
  return { name, unit: unitOf(scale), values: array as ArrayLike<number | bigint> };
}

function attribute(object: ObjectInfo, name: string): Value | undefined {
  return object.attributes.find((a) => a.name === name && !a.error)?.value;
}

/** What an attribute says the elements are in: `units` as netCDF, NeXus and most others write it. */
export function unitOf(object: ObjectInfo): string | undefined {
  const unit = attribute(object, 'units') ?? attribute(object, 'unit');
  return typeof unit === 'string' && unit !== '' ? unit : undefined;
}

/** A dimension as an axis: round coordinates with their unit where the dimension has them, else indices. */
export function axisOf(axis: Dimension | undefined, domain: Domain, otherwise: string): Axis {
  const scale = axis?.values && coordinateScale(axis.values, domain);
  if (scale) return { domain, scale, label: axis.unit ? `${axis.name} (${axis.unit})` : axis.name };
  return { domain, label: axis?.name ? `${axis.name} (index)` : otherwise };
}

/** ` latitude 45 degrees,`: the coordinate at an index, if there is one. */
export function coordinateText(axis: Dimension | undefined, index: number): string {
  const value = axis?.values?.[index];
  if (value === undefined) return '';
  return ` ${axis?.name} ${shortNumber(Number(value))}${axis?.unit ? ` ${axis.unit}` : ''},`;
}
