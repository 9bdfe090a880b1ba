// Numbers and shapes as people read them.

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `12.4 MB`: decimal units, as file managers and networks count. */
export function bytes(n: number): string {
  if (n === 1) return '1 byte';
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value} bytes` : `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[unit]}`;
}

/** `998`, `50,000`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `998 × 64 × 64 × 3`; `scalar`, `empty`. */
export function shapeText(shape: readonly number[] | null | undefined): string {
  if (shape === undefined) return '';
  if (shape === null) return 'empty';
  return shape.length === 0 ? 'scalar' : shape.map(count).join(' × ');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
