// Values as text: in tables, in the inspector, in CSV.

import type { ComplexValue, ReferenceValue, TypeInfo, Value, Values } from '../engine/types';

/** A number with all digits that tell it from its neighbours in its own type. */
export function numberText(value: number, type?: TypeInfo): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  if (type?.class === 'float' && type.size <= 4) return float32Text(value);
  return String(value);
}

/** The shortest decimal that reads back as the same float32. */
function float32Text(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === Math.fround(value)) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** `1.234`, `-5.6e-7`: at most six digits, for axes and readouts. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e');
  return String(Number(value.toPrecision(6)));
}

export function isComplex(value: unknown): value is ComplexValue {
  return typeof value === 'object' && value !== null && 're' in value;
}

export function isReference(value: unknown): value is ReferenceValue {
  return typeof value === 'object' && value !== null && 'reference' in value;
}

export function complexText(re: number, im: number, type?: TypeInfo): string {
  const sign = im < 0 || Object.is(im, -0) ? '−' : '+';
  return `${numberText(re, type)} ${sign} ${numberText(Math.abs(im), type)}i`;
}

export function valueText(value: Value | undefined, type?: TypeInfo): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return enumName(value, type) ?? String(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return enumName(value, type) ?? numberText(value, type);
  if (value instanceof Uint8Array) return hexText(value);
  if (isReference(value)) return value.path ?? value.text;
  if (isComplex(value)) return complexText(value.re, value.im, type?.class === 'complex' ? type.base : undefined);
  if (type?.class === 'compound') {
    return `{${type.members.map((member, i) => `${member.name}: ${valueText(value[i], member.type)}`).join(', ')}}`;
  }
  const base = type?.class === 'vlen' || type?.class === 'array' ? type.base : undefined;
  return `[${value.map((part) => valueText(part, base)).join(', ')}]`;
}

export function enumName(value: number | bigint, type?: TypeInfo): string | undefined {
  if (type?.class === 'boolean') return Number(value) === 0 ? 'false' : 'true';
  if (type?.class !== 'enum') return undefined;
  // Members may be numbers where values are bigint, or the other way round.
  const member = type.members.find((m) => BigInt(m.value) === BigInt(value));
  return member?.name;
}

export function hexText(bytes: Uint8Array, most = 32): string {
  const shown = Array.from(bytes.subarray(0, most), (b) => b.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > most ? `${shown} … (${bytes.length} bytes)` : shown;
}

/** The element at a place, put together where it takes several entries. */
export function elementOf(values: Values, at: number): Value {
  const { array, perElement, type } = values;
  if (perElement === 1) return array[at] as Value;
  const part = Array.prototype.slice.call(array, at * perElement, (at + 1) * perElement) as Value[];
  if (type.class === 'complex') return { re: Number(part[0]), im: Number(part[1]) };
  if (type.class === 'opaque') return Uint8Array.from(part as number[]);
  if (type.class === 'array' && type.base.class === 'complex') {
    return Array.from({ length: part.length / 2 }, (_, i) => ({ re: Number(part[2 * i]), im: Number(part[2 * i + 1]) }));
  }
  return part;
}
