// Which views an object has, the right one first.

import type { DatasetInfo, ImageSet, ObjectInfo, TypeInfo } from '../engine/types';

export type ViewName = 'gallery' | 'statistics' | 'image' | 'heatmap' | 'line' | 'table' | 'h5web' | 'value' | 'members' | 'type';

export const VIEW_LABELS: Record<ViewName, string> = {
  gallery: 'Contact sheet',
  statistics: 'Statistics',
  image: 'Image',
  heatmap: 'Heat map',
  line: 'Line',
  table: 'Table',
  h5web: 'H5Web',
  value: 'Value',
  members: 'Members',
  type: 'Type',
};

/** Whether elements are numbers that can be drawn. */
export function isNumeric(type: TypeInfo): boolean {
  return type.class === 'integer' || type.class === 'float' || type.class === 'enum' || type.class === 'boolean' || type.class === 'bitfield';
}

export function viewsOf(object: ObjectInfo, set: ImageSet | undefined): ViewName[] {
  if (object.kind === 'datatype') return ['type'];
  if (object.kind === 'group') {
    const views: ViewName[] = set?.kind === 'gallery' ? ['gallery', 'statistics'] : [];
    if (isNexusPlot(object)) views.push('h5web');
    return [...views, 'members'];
  }
  return object.dataset ? datasetViews(object, object.dataset, set) : [];
}

function datasetViews(object: ObjectInfo, dataset: DatasetInfo, set: ImageSet | undefined): ViewName[] {
  const { shape, type } = dataset;
  if (shape === null) return ['value'];
  const views: ViewName[] = [];
  // A set of one is a picture.
  const isOne = set?.kind === 'gallery' && set.count === 1;
  const images: ViewName[] = !set ? [] : isOne ? ['image'] : ['gallery', 'statistics'];
  const imagesFirst = set?.sure === true;
  if (imagesFirst) views.push(...images);
  if (shape.length === 0 || (shape.length === 1 && shape[0] === 1 && !isNumeric(type))) return [...views, 'value'];
  if (shape.includes(0)) return [...views, 'table'];
  if (!set && isPicture(object, dataset)) views.push('image');
  if (isNumeric(type)) {
    if (shape.length > 1) views.push('heatmap');
    // A matrix is a picture first; few rows are curves.
    if (shape.length === 1 || shape.at(-1)! > 1) views.push('line');
    views.push('table');
  } else if (type.class === 'complex') {
    views.push('h5web', 'table');
  } else {
    views.push('table');
  }
  if (!imagesFirst) views.push(...images);
  if (canH5Web(type) && !views.includes('h5web')) views.push('h5web');
  return views;
}

/** One picture by the HDF5 Image attributes, or by a shape that only pictures have. */
export function isPicture(object: ObjectInfo, { shape, type }: DatasetInfo): boolean {
  if (!shape || type.class !== 'integer') return false;
  const says = object.attributes.some((a) => a.name === 'CLASS' && a.value === 'IMAGE');
  const colours = shape.length === 3 && (shape[2] === 3 || shape[2] === 4) && shape[0] > 4 && shape[1] > 4;
  return (says && (shape.length === 2 || colours || (shape.length === 3 && shape[0] === 3))) || (colours && type.size <= 2);
}

function canH5Web(type: TypeInfo): boolean {
  if (type.class === 'compound') return type.members.every((m) => isNumeric(m.type) || m.type.class === 'string' || m.type.class === 'complex');
  return isNumeric(type) || type.class === 'complex' || type.class === 'string';
}

function isNexusPlot(object: ObjectInfo): boolean {
  const text = (name: string) => object.attributes.find((a) => a.name === name)?.value;
  return text('NX_class') === 'NXdata' || typeof text('default') === 'string' || (text('NX_class') === 'NXentry' && (object.members ?? 0) < 1000);
}
