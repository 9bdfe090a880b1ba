// CSV by RFC 4180: one line a row, the columns of a compound by name, two dimensions as a grid.

import type { Value, Values } from '../engine/types';
import { elementOf, isComplex, valueText } from '../model/valueText';

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function plain(value: Value): string {
  // NumPy and pandas read this form back.
  if (isComplex(value)) return `${value.re}${value.im < 0 || Object.is(value.im, -0) ? '-' : '+'}${Math.abs(value.im)}j`;
  return '';
}

/** Up to two dimensions. More are written as lines of index and value. */
export function csv(values: Values): Blob {
  const { shape, type } = values;
  const parts: string[] = [];
  const text = (at: number) => {
    const value = elementOf(values, at);
    return cell(isComplex(value) ? plain(value) : valueText(value, type));
  };
  if (type.class === 'compound') {
    const total = shape.reduce((n, d) => n * d, 1);
    parts.push(`${type.members.map((member) => cell(member.name)).join(',')}\r\n`);
    for (let i = 0; i < total; i++) {
      const row = elementOf(values, i) as Value[];
      parts.push(`${type.members.map((member, k) => cell(isComplex(row[k]) ? plain(row[k]) : valueText(row[k], member.type))).join(',')}\r\n`);
    }
  } else if (shape.length <= 2) {
    const columns = shape.length === 2 ? shape[1] : 1;
    const rows = shape.length === 0 ? 1 : shape[0];
    for (let row = 0; row < rows; row++) {
      const line: string[] = [];
      for (let column = 0; column < columns; column++) line.push(text(row * columns + column));
      parts.push(`${line.join(',')}\r\n`);
    }
  } else {
    const total = shape.reduce((n, d) => n * d, 1);
    parts.push(`${shape.map((_, axis) => `i${axis}`).join(',')},value\r\n`);
    const index = shape.map(() => 0);
    for (let i = 0; i < total; i++) {
      let rest = i;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        index[axis] = rest % shape[axis];
        rest = Math.floor(rest / shape[axis]);
      }
      parts.push(`${index.join(',')},${text(i)}\r\n`);
    }
  }
  return new Blob(parts, { type: 'text/csv' });
}
