// The line that reads what is shown, in h5py and in Rust.

import type { Selection, TypeInfo } from '../engine/types';

export interface Shown {
  file: string;
  path: string;
  type?: TypeInfo;
  selection: Selection;
}

/** A Python string literal: its escapes are JSON's where both know them. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A Rust string literal; its escape for code points is another. */
function rustQuoted(text: string): string {
  return quoted(text).replace(/\\u([0-9a-f]{4})/g, '\\u{$1}').replace(/\\[bf]/g, (code) => (code === '\\b' ? '\\u{8}' : '\\u{c}'));
}

export function h5pyLine({ file, path, type, selection }: Shown): string {
  const open = `h5py.File(${quoted(file)})`;
  if (!type) return `${open}[${quoted(path)}]`;
  const text = type.class === 'string' ? '.asstr()' : '';
  return `${open}[${quoted(path)}]${text}[${pythonIndex(selection)}]`;
}

function pythonIndex(selection: Selection): string {
  const parts = selection.map((part) => {
    if (part === null) return ':';
    return typeof part === 'number' ? String(part) : part.join(':');
  });
  while (parts.at(-1) === ':') parts.pop();
  return parts.length === 0 ? '()' : parts.join(', ');
}

export function rustLine({ file, path, type, selection }: Shown): string {
  const open = `h5manager::File::open(${rustQuoted(file)})?`;
  if (!type) return `let group = ${open}.group(${rustQuoted(path)})?;`;
  const parts = selection.map((part) => {
    if (part === null) return '..';
    if (typeof part === 'number') return String(part);
    const [start, stop, step] = part;
    return step && step !== 1 ? `h5manager::every(${start}..${stop}, ${step})` : `${start}..${stop}`;
  });
  const whole = parts.every((part) => part === '..');
  const element = rustElement(type);
  const isValue = element === VALUE;
  const what = whole ? '..' : `(${parts.join(', ')}${parts.length === 1 ? ',' : ''})`;
  const select = whole && !isValue ? '' : `.select(${what})?`;
  return `let values: Vec<${element}> = ${open}.dataset(${rustQuoted(path)})?${select}.${isValue ? 'values' : 'read'}()?;`;
}

/** What elements of any type are read as. */
const VALUE = 'h5manager::Value';

function rustElement(type: TypeInfo): string {
  switch (type.class) {
    case 'integer':
      return `${type.signed ? 'i' : 'u'}${Math.max(8, Math.min(64, 2 ** Math.ceil(Math.log2(type.size * 8))))}`;
    case 'float':
      return type.size <= 4 ? 'f32' : 'f64';
    case 'string':
      return 'String';
    case 'boolean':
      return 'bool';
    case 'enum':
      return rustElement(type.base);
    default:
      return VALUE;
  }
}
