// Numbers over a whole image set: what people paste into training code, and what is wrong with the images.

import type { Core } from './core.js';
import { EngineError, type EncodedImage, type ErrorKind, type ImageSet, type ImageStatistics, type NumericArray, type Values } from './types.js';

export type Progress = { done: number; total: number };

/** Bytes that are read at a time. */
const BLOCK = 8 << 20;

/** The pixels of one image: row after row, channels together. */
interface Pixels {
  width: number;
  height: number;
  channels: number;
  values: ArrayLike<number>;
}

export async function imageStatistics(
  core: Core,
  set: ImageSet,
  count = Infinity,
  signal?: AbortSignal,
  progress: (progress: Progress) => void = () => undefined,
): Promise<ImageStatistics> {
  const total = Math.min(set.count, count);
  const sums = new Sums();
  const one = set.width * set.height * Math.max(1, set.channels) || 1 << 20;
  const step = set.kind === 'stack' && set.order !== 'encoded' ? rowsAtOnce(set, one) : 1;
  let told = 0;
  for (let row = 0; row < total; row += step) {
    const end = Math.min(row + step, total);
    try {
      for await (const [at, pixels] of images(core, set, row, end, signal)) sums.add(at, pixels);
    } catch (error) {
      if (signal?.aborted || (error instanceof EngineError && ['cancelled', 'changed', 'invalid'].includes(error.kind))) throw error;
      // One image that is damaged does not take its neighbours with it.
      await oneByOne(core, set, row, end, sums, error, signal);
    }
    if (Date.now() - told > 100 || end === total) {
      told = Date.now();
      progress({ done: end, total });
      await new Promise((go) => setTimeout(go));
    }
    if (signal?.aborted) throw new EngineError('cancelled', 'cancelled');
  }
  return sums.result();
}

function rowsAtOnce(set: ImageSet, one: number): number {
  const rows = Math.max(1, Math.floor(BLOCK / one));
  const chunk = Math.max(1, set.chunkRows);
  return rows > chunk ? rows - (rows % chunk) : rows;
}

async function oneByOne(core: Core, set: ImageSet, from: number, to: number, sums: Sums, error: unknown, signal?: AbortSignal) {
  for (let row = from; row < to; row++) {
    try {
      if (to - from === 1) throw error;
      for await (const [at, pixels] of images(core, set, row, row + 1, signal)) sums.add(at, pixels);
    } catch (e) {
      const known = e instanceof EngineError ? { kind: e.kind, text: e.message } : { kind: 'io' as ErrorKind, text: String(e) };
      sums.failed.push({ row, error: known });
    }
  }
}

async function* images(core: Core, set: ImageSet, from: number, to: number, signal?: AbortSignal): AsyncGenerator<[number, Pixels]> {
  if (set.order === 'encoded') {
    for (let row = from; row < to; row++) {
      const place = set.kind === 'gallery' ? { path: set.paths?.[row] ?? set.path } : { path: set.path, row };
      yield [row, await decoded(await core.call<EncodedImage>({ op: 'image', ...place }, signal))];
    }
    return;
  }
  const gallery = set.kind === 'gallery';
  const path = gallery ? (set.paths?.[from] ?? set.path) : set.path;
  const selection = gallery ? undefined : [[from, to]];
  const { array, shape } = await core.call<Values>({ op: 'read', path, selection }, signal);
  const dims = gallery ? shape : shape.slice(1);
  const size = dims.reduce((n, d) => n * d, 1);
  for (let row = from; row < to; row++) {
    const start = (row - from) * size;
    yield [row, pixels((array as NumericArray).subarray(start, start + size) as NumericArray, dims, set)];
  }
}

function pixels(array: NumericArray, dims: number[], set: ImageSet): Pixels {
  const values = array instanceof BigInt64Array || array instanceof BigUint64Array ? Float64Array.from(array, Number) : array;
  const [a = 1, b = 1, c = 1] = dims;
  if (set.order === 'chw' && dims.length === 3) return reordered(values, a, b, c, (y, x, k) => (k * b + y) * c + x, [b, c, a]);
  if (set.order === 'hcw' && dims.length === 3) return reordered(values, a, b, c, (y, x, k) => (y * b + k) * c + x, [a, c, b]);
  return { height: a, width: b, channels: dims.length === 3 ? c : 1, values };
}

function reordered(
  values: ArrayLike<number>,
  a: number,
  b: number,
  c: number,
  from: (y: number, x: number, channel: number) => number,
  [height, width, channels]: [number, number, number],
): Pixels {
  const other = new Float64Array(a * b * c);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) for (let k = 0; k < channels; k++) other[at++] = values[from(y, x, k)]!;
  }
  return { height, width, channels, values: other };
}

async function decoded(image: EncodedImage): Promise<Pixels> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([image.bytes as BlobPart], { type: image.mime }));
  } catch {
    throw new EngineError('damaged', `an image that this browser cannot decode (${image.mime})`);
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new EngineError('unsupported', 'this browser does not draw in workers');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const values = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    values[to++] = rgba[from]!;
    values[to++] = rgba[from + 1]!;
    values[to++] = rgba[from + 2]!;
  }
  return { width, height, channels: 3, values };
}

class Sums {
  readonly failed: ImageStatistics['failed'] = [];
  private images = 0;
  private pixels = 0;
  private channels = 0;
  private size: [number, number] | undefined;
  private alike = true;
  // About the first values that were seen: sums of squares of large numbers would lose what they are for.
  private origin: number[] = [];
  private sum: number[] = [];
  private square: number[] = [];
  private least: number[] = [];
  private most: number[] = [];
  private mean: Float64Array | undefined;
  private readonly constant: number[] = [];
  private readonly prints = new Map<string, number[]>();

  add(row: number, { width, height, channels, values }: Pixels): void {
    if (this.images === 0) this.begin(width, height, channels, values);
    if (channels !== this.channels) throw new EngineError('mismatch', `${channels} channels, others have ${this.channels}`);
    this.alike &&= this.size?.[0] === width && this.size[1] === height;
    if (!this.alike) this.mean = undefined;
    let constant = true;
    for (let k = 0; k < channels; k++) {
      const origin = this.origin[k]!;
      const first = values[k]!;
      let sum = 0;
      let square = 0;
      let least = Infinity;
      let most = -Infinity;
      for (let i = k; i < values.length; i += channels) {
        const value = values[i]!;
        const distance = value - origin;
        sum += distance;
        square += distance * distance;
        if (value < least) least = value;
        if (value > most) most = value;
      }
      constant &&= least === most && least === first;
      this.sum[k]! += sum;
      this.square[k]! += square;
      this.least[k] = Math.min(this.least[k]!, least);
      this.most[k] = Math.max(this.most[k]!, most);
    }
    const mean = this.mean;
    if (mean) for (let i = 0; i < mean.length; i++) mean[i]! += values[i]!;
    this.images++;
    this.pixels += values.length / channels;
    if (constant) this.constant.push(row);
    const print = fingerprint(width, values);
    const same = this.prints.get(print);
    if (same) same.push(row);
    else this.prints.set(print, [row]);
  }

  private begin(width: number, height: number, channels: number, values: ArrayLike<number>): void {
    this.size = [width, height];
    this.channels = channels;
    const each = <T>(make: (k: number) => T) => Array.from({ length: channels }, (_, k) => make(k));
    this.origin = each((k) => (Number.isFinite(values[k]) ? values[k]! : 0));
    [this.sum, this.square, this.least, this.most] = [each(() => 0), each(() => 0), each(() => Infinity), each(() => -Infinity)];
    this.mean = new Float64Array(values.length);
  }

  result(): ImageStatistics {
    const n = this.pixels || 1;
    const [width, height] = this.alike && this.size ? this.size : [0, 0];
    return {
      images: this.images,
      mean: this.sum.map((sum, k) => this.origin[k]! + sum / n),
      std: this.square.map((square, k) => Math.sqrt(Math.max(0, square / n - (this.sum[k]! / n) ** 2))),
      min: this.least,
      max: this.most,
      ...(this.mean && this.images > 0 ? { meanImage: Float32Array.from(this.mean, (sum) => sum / this.images) } : {}),
      width,
      height,
      channels: this.channels,
      constant: this.constant,
      duplicates: [...this.prints.values()].filter((rows) => rows.length > 1),
      failed: this.failed,
    };
  }
}

/** Two numbers of 32 bits and the shape: images that agree in all of it are taken for the same. */
function fingerprint(width: number, values: ArrayLike<number>): string {
  const view = ArrayBuffer.isView(values) ? (values as unknown as Uint8Array) : Float64Array.from(values);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, 0x01000193);
    b = Math.imul(b + bytes[i]!, 0x85ebca6b) ^ (b >>> 13);
  }
  return `${width} ${values.length} ${a >>> 0} ${b >>> 0}`;
}
