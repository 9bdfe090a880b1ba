// The file as H5Web asks for it: entities, flat arrays of values, attributes as plain arrays.

import {
  type Attribute,
  type AttributeValues,
  type ChildEntity,
  type DType,
  DTypeClass,
  DataProviderApi,
  type Dataset,
  type Entity,
  EntityKind,
  type NumericType,
  type ProvidedEntity,
  type Shape,
  ShapeClass,
  type StringType,
  type ValuesStoreParams,
  hasScalarShape,
} from '@h5web/app';
import {
  type AttributeInfo,
  type Child,
  type ComplexValue,
  type Engine,
  EngineError,
  type LinkInfo,
  type ObjectInfo,
  type Selection,
  type TypeInfo,
  type Value,
  type Values,
} from './engine/types';

/** Members that one group is given with; H5Web draws all of them at once. */
const MOST_CHILDREN = 10_000;
const SEARCHABLE = 10_000;

export class EngineApi extends DataProviderApi {
  private readonly attributes = new WeakMap<Entity, AttributeInfo[]>();

  constructor(
    private readonly engine: Engine,
    filepath: string,
  ) {
    super(filepath);
  }

  override async getEntity(path: string): Promise<ProvidedEntity> {
    const object = await this.engine.object(path);
    const entity = this.described(object);
    if (entity.kind !== EntityKind.Group) return entity;
    const { children } = await this.engine.list(path, { count: MOST_CHILDREN });
    return { ...entity, children: children.map(childEntity) };
  }

  override async getValue({ dataset, selection }: ValuesStoreParams, signal?: AbortSignal): Promise<unknown> {
    // Let what is called off at once never begin.
    await Promise.resolve();
    signal?.throwIfAborted();
    const values = await this.engine.read(dataset.path, parseSelection(selection), { signal });
    return valueFor(values, hasScalarShape(dataset) || values.shape.length === 0);
  }

  override async getAttrValues(entity: Entity): Promise<AttributeValues> {
    const known = this.attributes.get(entity) ?? (await this.engine.object(entity.path)).attributes;
    const values: [string, unknown][] = [];
    for (const info of known) {
      if (info.error || info.shape === null) continue;
      const { value, type } = info.truncated ? await this.engine.attribute(entity.path, info.name) : info;
      values.push([info.name, type.class === 'complex' && info.shape.length > 0 ? (value as Value[]).map(plain) : plain(value)]);
    }
    return Object.fromEntries(values);
  }

  override async getSearchablePaths(root: string): Promise<string[]> {
    const { hits } = await this.engine.search('', { limit: SEARCHABLE });
    const below = root === '/' ? '/' : `${root}/`;
    return hits.filter((hit) => hit.attribute === undefined && hit.path.startsWith(below)).map((hit) => hit.path);
  }

  private described(object: ObjectInfo): ProvidedEntity {
    const attributes = object.attributes.filter((a) => !a.error);
    const base = { name: nameOf(object.path), path: object.path, attributes: attributes.map(attribute) };
    let entity: ProvidedEntity;
    if (object.kind === 'dataset' && object.dataset) {
      const { dataset } = object;
      entity = {
        ...base,
        kind: EntityKind.Dataset,
        shape: shapeOf(dataset.shape),
        type: typeOf(dataset.type),
        rawType: dataset.type,
        ...(dataset.chunkShape ? { chunks: dataset.chunkShape } : {}),
        filters: dataset.filters.map(({ id, name }) => ({ id, name })),
      };
    } else if (object.kind === 'datatype' && object.type) {
      entity = { ...base, kind: EntityKind.Datatype, type: typeOf(object.type), rawType: object.type };
    } else {
      entity = { ...base, kind: EntityKind.Group, children: [] };
    }
    this.attributes.set(entity, object.attributes);
    return entity;
  }
}

function nameOf(path: string): string {
  return path.split('/').pop() || '/';
}

/** H5Web's `0,:,2:5`. */
export function parseSelection(text?: string): Selection | undefined {
  if (text === undefined || text === '') return undefined;
  return text.split(',').map((part) => {
    if (part === ':') return null;
    const numbers = part.split(':').map(Number);
    if (numbers.some((n) => !Number.isInteger(n))) throw new EngineError('invalid', `a selection ${text}`);
    return numbers.length === 1 ? numbers[0]! : (numbers as [number, number]);
  });
}

/** Values in the form that H5Web has for their type. */
function valueFor({ array, type, shape, perElement }: Values, isScalar: boolean): unknown {
  let value: unknown = array;
  if (ArrayBuffer.isView(array) && perElement > 1) value = grouped(array as ArrayLike<number>, perElement);
  else if (!ArrayBuffer.isView(array)) value = array.map(plain);
  else if (type.class === 'boolean') value = Array.from(array as Int8Array, (v) => v !== 0);
  if (isScalar) return (value as ArrayLike<unknown>)[0];
  // An opaque element of one byte is still bytes to H5Web.
  return type.class === 'opaque' && perElement === 1 && shape.length > 0 ? grouped(array as ArrayLike<number>, 1) : value;
}

/** Elements of several numbers each: complex numbers as pairs, arrays as arrays. */
function grouped(array: ArrayLike<number>, size: number): unknown[] {
  const all = array as unknown as Float64Array;
  return Array.from({ length: Math.floor(array.length / size) }, (_, i) => Array.from(all.subarray(i * size, (i + 1) * size)));
}

/** A value as H5Web shows it: complex numbers as pairs, references as text. */
function plain(value: Value): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if ('re' in value) return [(value as ComplexValue).re, (value as ComplexValue).im];
  return value.path ?? value.text;
}

function attribute({ name, shape, type }: AttributeInfo): Attribute {
  return { name, shape: shapeOf(shape), type: typeOf(type) };
}

function shapeOf(shape: number[] | null | undefined): Shape {
  if (!shape) return { class: ShapeClass.Null };
  return shape.length === 0 ? { class: ShapeClass.Scalar, dims: [] } : { class: ShapeClass.Array, dims: shape };
}

const ORDERS = { little: 'little-endian', big: 'big-endian', vax: 'VAX' } as const;

function typeOf(type: TypeInfo): DType {
  switch (type.class) {
    case 'integer':
    case 'float':
      return numericType(type);
    case 'boolean':
      return { class: DTypeClass.Bool, base: integer(8, true) };
    case 'enum': {
      const mapping = Object.fromEntries(type.members.map(({ name, value }) => [Number(value), name]));
      return { class: DTypeClass.Enum, base: numericType(type.base), mapping };
    }
    case 'complex':
      return { class: DTypeClass.Complex, realType: numericType(type.base), imagType: numericType(type.base) };
    case 'string':
      return {
        class: DTypeClass.String,
        charSet: type.charset === 'utf8' ? 'UTF-8' : 'ASCII',
        strPad: type.padding as StringType['strPad'],
        ...(type.length === undefined ? {} : { length: type.length }),
      };
    case 'compound':
      return { class: DTypeClass.Compound, fields: new Map(type.members.map((m) => [m.name, typeOf(m.type)])) };
    case 'array':
      return { class: DTypeClass.Array, base: typeOf(type.base), dims: type.dims };
    case 'vlen':
      return { class: DTypeClass.VLen, base: typeOf(type.base) };
    case 'reference':
      return { class: DTypeClass.Reference };
    case 'opaque':
      return { class: DTypeClass.Opaque, tag: type.tag };
    case 'bitfield':
      return { class: DTypeClass.Bitfield, endianness: ORDERS[type.order] };
    case 'time':
      return { class: DTypeClass.Time };
  }
}

function numericType(type: TypeInfo): NumericType {
  if (type.class === 'float') return { class: DTypeClass.Float, size: 8 * type.size, endianness: ORDERS[type.order] };
  if (type.class === 'integer') return integer(8 * type.size, type.signed, ORDERS[type.order]);
  return integer(8 * type.size, true);
}

function integer(size: number, signed: boolean, endianness: NumericType['endianness'] = 'little-endian'): NumericType {
  return { class: DTypeClass.Integer, size, signed, endianness };
}

/** A member of a group as far as listing tells; H5Web asks for the rest when it is looked at. */
function childEntity(child: Child): ChildEntity {
  const base = { name: child.name, path: child.path, attributes: [], ...linkOf(child.link) };
  switch (child.kind) {
    case 'group':
      return { ...base, kind: EntityKind.Group };
    case 'datatype':
      return { ...base, kind: EntityKind.Datatype };
    case 'dataset': {
      const dataset: Dataset = { ...base, kind: EntityKind.Dataset, shape: shapeOf(child.shape), type: listedType(child) };
      return dataset;
    }
    default:
      return { ...base, kind: EntityKind.Unresolved };
  }
}

/** What a listing's text of a type tells of it. */
function listedType({ type = '' }: Child): DType {
  const integers = /^(u?)int(\d+)/.exec(type);
  if (integers) return integer(Number(integers[2]), integers[1] === '');
  const floats = /^float(\d+)/.exec(type);
  if (floats) return { class: DTypeClass.Float, size: Number(floats[1]), endianness: 'little-endian' };
  if (/^(utf-8 |ascii )?string/i.test(type)) return { class: DTypeClass.String, charSet: 'UTF-8', strPad: 'null-terminated' };
  return { class: DTypeClass.Unknown };
}

function linkOf(link: LinkInfo): Pick<Entity, 'link'> {
  if (link.kind === 'soft') return { link: { class: 'Soft', path: link.target } };
  if (link.kind === 'external') return { link: { class: 'External', file: link.file, path: link.target } };
  return {};
}
