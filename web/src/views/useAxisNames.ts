// Names of dimensions: dimension scales by DIMENSION_LIST, labels by DIMENSION_LABELS.

import { useFile } from '../app/context';
import type { ObjectInfo, Value } from '../engine/types';
import { isReference } from '../model/valueText';
import { useAsync } from '../ui/useAsync';

export function useAxisNames(object: ObjectInfo): (string | undefined)[] {
  const { engine } = useFile();
  const labels = object.attributes.find((a) => a.name === 'DIMENSION_LABELS')?.value;
  const lists = object.attributes.find((a) => a.name === 'DIMENSION_LIST')?.value;
  const names = useAsync(async () => {
    if (!Array.isArray(lists)) return [];
    return Promise.all(lists.map(async (list) => scaleName(list, (address) => engine.resolve(address))));
  }, [engine, lists]);
  const rank = object.dataset?.shape?.length ?? 0;
  return Array.from({ length: rank }, (_, axis) => {
    const label = Array.isArray(labels) ? labels[axis] : undefined;
    return (typeof label === 'string' && label !== '' ? label : undefined) ?? names.value?.[axis];
  });
}

async function scaleName(list: Value, resolve: (address: number) => Promise<string | undefined>): Promise<string | undefined> {
  const first = Array.isArray(list) ? list[0] : list;
  if (!isReference(first)) return undefined;
  const path = first.path ?? (first.address === undefined ? undefined : await resolve(first.address).catch(() => undefined));
  return path?.split('/').pop();
}

/** What an attribute says the elements are in: `units` as netCDF, NeXus and most others write it. */
export function unitOf(object: ObjectInfo): string | undefined {
  const unit = object.attributes.find((a) => a.name === 'units' || a.name === 'unit')?.value;
  return typeof unit === 'string' && unit !== '' ? unit : undefined;
}
