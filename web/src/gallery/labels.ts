// Which class each image has, and how many each class.

import type { Engine, ImageSet, Value } from '../engine/types';
import { elementOf, valueText } from '../model/valueText';

export interface Labels {
  /** A place in `names` for each image; -1: none. */
  of: Int32Array;
  names: string[];
  counts: number[];
}

export async function readLabels(engine: Engine, set: ImageSet, signal: AbortSignal): Promise<Labels | undefined> {
  if (!set.labels) return undefined;
  const values = await engine.read(set.labels.path, [], { signal });
  const { array, shape } = values;
  if (set.labels.form === 'one-hot') return byNumber(hottest(array as ArrayLike<number | bigint>, shape), set.classNames);
  const all = Array.from({ length: shape[0] ?? 0 }, (_, i) => elementOf(values, i));
  // (N, 1) as CIFAR has it: one number an image all the same.
  return set.labels.form === 'numbers' ? byNumber(all.map(Number), set.classNames) : byText(all);
}

function hottest(array: ArrayLike<number | bigint>, [rows, classes]: number[]): number[] {
  return Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let k = 1; k < classes; k++) if (Number(array[row * classes + k]) > Number(array[row * classes + best])) best = k;
    return best;
  });
}

function byNumber(numbers: number[], classNames: string[] | undefined): Labels {
  if (classNames && numbers.every((n) => Number.isInteger(n) && n >= -1 && n < classNames.length)) {
    return counted(Int32Array.from(numbers), classNames);
  }
  const distinct = [...new Set(numbers)].sort((a, b) => a - b);
  const place = new Map(distinct.map((n, i) => [n, i]));
  return counted(
    Int32Array.from(numbers, (n) => place.get(n)!),
    distinct.map((n) => classNames?.[n] ?? String(n)),
  );
}

function byText(values: Value[]): Labels {
  const texts = values.map((value) => valueText(value));
  const distinct = [...new Set(texts)].sort();
  const place = new Map(distinct.map((text, i) => [text, i]));
  return counted(Int32Array.from(texts, (text) => place.get(text)!), distinct);
}

function counted(of: Int32Array, names: string[]): Labels {
  const counts = new Array<number>(names.length).fill(0);
  for (const k of of) if (k >= 0) counts[k]++;
  return { of, names, counts };
}

/** Names of images, read as they are seen. */
export class Names {
  private known = new Map<number, string>();
  private asked = new Set<number>();

  constructor(
    private readonly engine: Engine,
    private readonly set: ImageSet,
  ) {}

  get(row: number): string {
    if (this.set.kind === 'gallery') return this.set.paths![row].split('/').pop()!;
    return this.known.get(row) ?? '';
  }

  /** Asks for names that are not here; what is under way arrives whether or not its rows are still seen. */
  async want(rows: number[], changed: () => void): Promise<void> {
    if (!this.set.names) return;
    const missing = rows.filter((row) => !this.known.has(row) && !this.asked.has(row));
    if (missing.length === 0) return;
    for (const row of missing) this.asked.add(row);
    try {
      const values = await this.engine.readRows(this.set.names.path, missing);
      missing.forEach((row, i) => this.known.set(row, valueText(elementOf(values, i))));
      changed();
    } catch {
      // Captions go without names; the images are what counts.
    } finally {
      for (const row of missing) this.asked.delete(row);
    }
  }

  /** All of them, for sorting. */
  async all(signal: AbortSignal): Promise<string[]> {
    if (this.set.kind === 'gallery') return this.set.paths!.map((path) => path.split('/').pop()!);
    const values = await this.engine.read(this.set.names!.path, [], { signal });
    return Array.from({ length: this.set.count }, (_, i) => valueText(elementOf(values, i)));
  }
}
