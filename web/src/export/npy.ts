// NumPy's .npy, version 1.0: a typed header, then the elements row by row.

import type { NumericArray, TypeInfo, Value, Values } from '../engine/types';
import { elementOf } from '../model/valueText';

const CODES: [new (n: number) => NumericArray, string][] = [
  [Int8Array, '|i1'],
  [Uint8Array, '|u1'],
  [Int16Array, '<i2'],
  [Uint16Array, '<u2'],
  [Int32Array, '<i4'],
  [Uint32Array, '<u4'],
  [BigInt64Array, '<i8'],
  [BigUint64Array, '<u8'],
  [Float32Array, '<f4'],
  [Float64Array, '<f8'],
];

function codeOf(array: NumericArray): string {
  const code = CODES.find(([type]) => array instanceof type)?.[1];
  if (code === undefined) throw new Error('no NumPy type for this');
  return code;
}

/** The whole file. Numbers, booleans, complex numbers, arrays of them, opaque bytes and strings; others are refused. */
export function npy(values: Values): Blob {
  const { array, type, shape } = values;
  if (Array.isArray(array)) return strings(values);
  if (type.class === 'boolean') return file('|b1', shape, array);
  if (type.class === 'complex') return file(array instanceof Float32Array ? '<c8' : '<c16', shape, array);
  if (type.class === 'opaque') return file(`|V${values.perElement}`, shape, array);
  if (type.class === 'array') {
    if (type.base.class === 'complex') return file(array instanceof Float32Array ? '<c8' : '<c16', [...shape, ...type.dims], array);
    return file(codeOf(array), [...shape, ...type.dims], array);
  }
  return file(codeOf(array), shape, array);
}

function file(code: string, shape: readonly number[], body: BlobPart | ArrayBufferView): Blob {
  return new Blob([header(`'${code}'`, shape), body as BlobPart], { type: 'application/octet-stream' });
}

export function header(descr: string, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  let text = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${tuple}, }`;
  // The data begins at a multiple of 64.
  text = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const out = new Uint8Array(10 + text.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  out.set(new TextEncoder().encode(text), 10);
  return out;
}

/** Strings as NumPy's fixed-length Unicode (UTF-32), compounds as structured arrays. */
function strings(values: Values): Blob {
  const { type, shape } = values;
  const count = shape.reduce((n, d) => n * d, 1);
  const elements = Array.from({ length: count }, (_, i) => elementOf(values, i));
  const column = columnOf(type, elements);
  if (!column) throw new Error(`NPY has no form for ${type.text}; export CSV instead`);
  const body = new Uint8Array(count * column.size);
  const view = new DataView(body.buffer);
  elements.forEach((element, i) => column.write(view, i * column.size, element));
  return new Blob([header(column.descr, shape), body], { type: 'application/octet-stream' });
}

interface Column {
  descr: string;
  size: number;
  write: (view: DataView, at: number, value: Value) => void;
}

function columnOf(type: TypeInfo, values: Value[]): Column | undefined {
  switch (type.class) {
    case 'string':
      return textColumn(values.map(String));
    case 'compound': {
      const members = type.members.map((member, i) => columnOf(member.type, values.map((row) => (row as Value[])[i])));
      if (members.some((member) => member === undefined)) return undefined;
      return structure(type.members.map((member) => member.name), members as Column[]);
    }
    case 'boolean':
      return { descr: "'|b1'", size: 1, write: (view, at, value) => view.setUint8(at, Number(value) ? 1 : 0) };
    case 'integer':
      return integerColumn(type.size, type.signed);
    case 'enum':
      return columnOf(type.base, values);
    case 'float':
      return type.size <= 4
        ? { descr: "'<f4'", size: 4, write: (view, at, value) => view.setFloat32(at, Number(value), true) }
        : { descr: "'<f8'", size: 8, write: (view, at, value) => view.setFloat64(at, Number(value), true) };
    default:
      return undefined;
  }
}

function textColumn(texts: string[]): Column {
  const letters = Math.max(1, texts.reduce((most, text) => Math.max(most, [...text].length), 0));
  return {
    descr: `'<U${letters}'`,
    size: letters * 4,
    write: (view, at, value) => [...String(value)].forEach((letter, i) => view.setUint32(at + i * 4, letter.codePointAt(0)!, true)),
  };
}

function structure(names: string[], members: Column[]): Column {
  let size = 0;
  const offsets = members.map((member) => {
    const at = size;
    size += member.size;
    return at;
  });
  const quoted = (name: string) => `'${name.replace(/[\\']/g, '\\$&')}'`;
  return {
    descr: `[${members.map((member, i) => `(${quoted(names[i])}, ${member.descr})`).join(', ')}]`,
    size,
    write: (view, at, value) => members.forEach((member, i) => member.write(view, at + offsets[i], (value as Value[])[i])),
  };
}

function integerColumn(size: number, signed: boolean): Column | undefined {
  const descr = `'${size === 1 ? '|' : '<'}${signed ? 'i' : 'u'}${size}'`;
  switch (size) {
    case 1:
      return { descr, size, write: (view, at, value) => view.setUint8(at, Number(value) & 255) };
    case 2:
      return { descr, size, write: (view, at, value) => view.setUint16(at, Number(value) & 65535, true) };
    case 4:
      return { descr, size, write: (view, at, value) => view.setUint32(at, Number(value) >>> 0, true) };
    case 8:
      return { descr, size, write: (view, at, value) => view.setBigUint64(at, BigInt.asUintN(64, BigInt(value as number | bigint)), true) };
    default:
      return undefined;
  }
}
