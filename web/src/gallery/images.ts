// Images of a set, however they are stored, as pixels and as pictures.

import type { Engine, ImageSet, NumericArray, TypeInfo, Values } from '../engine/types';

/** The values of one image: row by row, channels together. */
export interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: NumericArray;
  /** Of the elements; undefined for pixels that a browser decoded. */
  type?: TypeInfo;
}

/** Which values are black and white. */
export interface Range {
  low: number;
  high: number;
}

/** What browsers decode. Anything else is refused by name, and never handed to them. */
const DECODABLE = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/bmp', 'image/avif']);
/** Rows that are asked for at once. */
const BATCH = 48;
const KEPT = 3000;

export class ImageSource {
  private bitmaps = new Map<number, ImageBitmap | Error>();
  private asked = new Set<number>();
  private found: Range | undefined;
  /** Black and white are each image's own darkest and brightest. */
  stretched = false;

  constructor(
    readonly engine: Engine,
    readonly set: ImageSet,
  ) {}

  get isEncoded(): boolean {
    return this.set.order === 'encoded';
  }

  /** The picture of an image if it is here. */
  bitmap(row: number): ImageBitmap | Error | undefined {
    return this.bitmaps.get(row);
  }

  /** Makes black and white each image's own, or the set's. */
  stretch(on: boolean): void {
    if (on === this.stretched) return;
    this.stretched = on;
    this.bitmaps.clear();
    this.asked.clear();
  }

  /** Fetches pictures that are not here, `changed` after each batch. What is under way when it is told to stop still
   * arrives, for the next call leaves it out. */
  async want(rows: number[], signal: AbortSignal, changed: () => void): Promise<void> {
    const missing = rows.filter((row) => !this.bitmaps.has(row) && !this.asked.has(row));
    for (let at = 0; at < missing.length && !signal.aborted; at += BATCH) {
      const batch = missing.slice(at, at + BATCH);
      const stretched = this.stretched;
      for (const row of batch) this.asked.add(row);
      const found = await this.fetch(batch);
      for (const row of batch) this.asked.delete(row);
      // They were painted in another range than is wanted by now.
      if (stretched !== this.stretched) return;
      for (const [row, bitmap] of found) this.bitmaps.set(row, bitmap);
      changed();
    }
    this.forget();
  }

  private async fetch(rows: number[]): Promise<[number, ImageBitmap | Error][]> {
    if (this.isEncoded || this.set.kind === 'gallery') {
      return Promise.all(rows.map((row) => kept(row, async () => (this.isEncoded ? this.decode(row) : this.draw(await this.pixels(row))))));
    }
    try {
      const values = await this.engine.readRows(this.set.path, rows);
      this.found ??= rangeOf(values.array as NumericArray, values.type);
      return await Promise.all(rows.map((row, i) => kept(row, () => this.draw(this.pixelsOf(values, i)))));
    } catch (error) {
      if (rows.length === 1) return [[rows[0], asError(error)]];
      // One damaged chunk must not hide its neighbours.
      const found: [number, ImageBitmap | Error][] = [];
      for (const row of rows) found.push(...(await this.fetch([row])));
      return found;
    }
  }

  private forget(): void {
    for (const row of this.bitmaps.keys()) {
      if (this.bitmaps.size <= KEPT) return;
      this.bitmaps.delete(row);
    }
  }

  private async decode(row: number, signal?: AbortSignal): Promise<ImageBitmap> {
    const { bytes, mime } = await this.encoded(row, signal);
    if (!DECODABLE.has(mime)) throw new Error(`${mime} is not decoded by browsers`);
    try {
      return await createImageBitmap(new Blob([bytes as BlobPart], { type: mime }));
    } catch {
      throw new Error(`this ${mime.replace('image/', '').toUpperCase()} cannot be decoded`);
    }
  }

  /** The bytes of an encoded image as they are stored. */
  encoded(row: number, signal?: AbortSignal) {
    return this.set.kind === 'gallery'
      ? this.engine.readImage(this.set.paths![row], undefined, { signal })
      : this.engine.readImage(this.set.path, row, { signal });
  }

  /** The values of one image. */
  async pixels(row: number, signal?: AbortSignal): Promise<Pixels> {
    if (this.isEncoded) return decodedPixels(await this.decode(row, signal));
    if (this.set.kind === 'gallery') {
      const values = await this.engine.read(this.set.paths![row], [], { signal });
      this.found ??= rangeOf(values.array as NumericArray, values.type);
      return this.arrange(values.array as NumericArray, values.shape, values.type);
    }
    const values = await this.engine.readRows(this.set.path, [row], { signal });
    this.found ??= rangeOf(values.array as NumericArray, values.type);
    return this.pixelsOf(values, 0);
  }

  private pixelsOf(values: Values, at: number): Pixels {
    const size = values.array.length / values.shape[0];
    const data = (values.array as NumericArray).slice(at * size, (at + 1) * size) as NumericArray;
    return this.arrange(data, values.shape.slice(1), values.type);
  }

  /** Row by row with channels together, from whatever order it is stored in. */
  private arrange(data: NumericArray, shape: number[], type: TypeInfo): Pixels {
    const { order } = this.set;
    if (shape.length === 2) return { width: shape[1], height: shape[0], channels: 1, data, type };
    if (shape.length !== 3) {
      const { width, height, channels } = this.set;
      return { width, height, channels, data, type };
    }
    if (order === 'hwc') return { width: shape[1], height: shape[0], channels: shape[2], data, type };
    const [channels, height, width] = order === 'chw' ? shape : [shape[1], shape[0], shape[2]];
    const out = data.slice() as NumericArray;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const from = order === 'chw' ? (c * height + y) * width : (y * channels + c) * width;
        for (let x = 0; x < width; x++) out[(y * width + x) * channels + c] = data[from + x];
      }
    }
    return { width, height, channels, data: out, type };
  }

  /** Black and white for an image. */
  rangeFor(pixels: Pixels): Range {
    if (pixels.type === undefined) return { low: 0, high: 255 };
    if (this.stretched) return extent(pixels.data);
    return this.found ?? rangeOf(pixels.data, pixels.type);
  }

  imageData(pixels: Pixels): ImageData {
    return paintPixels(pixels, this.rangeFor(pixels), this.set.palette, this.set.whiteIsZero);
  }

  private draw(pixels: Pixels): Promise<ImageBitmap> {
    return createImageBitmap(this.imageData(pixels));
  }
}

async function kept(row: number, make: () => Promise<ImageBitmap>): Promise<[number, ImageBitmap | Error]> {
  try {
    return [row, await make()];
  } catch (error) {
    return [row, asError(error)];
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function decodedPixels(bitmap: ImageBitmap): Pixels {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return { width: bitmap.width, height: bitmap.height, channels: 4, data: new Uint8Array(data.buffer) };
}

export function extent(data: NumericArray): Range {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < data.length; i++) {
    const v = Number(data[i]);
    if (v < low && v !== -Infinity) low = v;
    if (v > high && v !== Infinity) high = v;
  }
  if (low > high) return { low: 0, high: 1 };
  return low === high ? { low, high: low + 1 } : { low, high };
}

/** What is black and white, by the type and the values of the first images. */
export function rangeOf(data: NumericArray, type: TypeInfo): Range {
  if (type.class === 'boolean') return { low: 0, high: 1 };
  const { low, high } = extent(data);
  if (type.size === 1) {
    // Masks and digits of 0 and 1 would be black on black.
    if (low >= 0 && high <= 1) return { low: 0, high: 1 };
    return low >= 0 ? { low: 0, high: 255 } : { low: -128, high: 127 };
  }
  if (low >= 0 && high <= 1) return { low: 0, high: 1 };
  if (low >= -1 && high <= 1) return { low: -1, high: 1 };
  if (low >= 0 && high <= 255 && high > 32) return { low: 0, high: 255 };
  return { low: Math.min(0, low), high };
}

function paintPixels(pixels: Pixels, { low, high }: Range, palette?: number[], whiteIsZero?: boolean): ImageData {
  const { width, height, channels, data } = pixels;
  const image = new ImageData(width, height);
  const out = image.data; // clamps
  const factor = 255 / (high - low || 1);
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from += channels, to += 4) {
    if (palette && channels === 1) {
      const entry = Number(data[from]) * 3;
      for (let c = 0; c < 3; c++) out[to + c] = palette[entry + c] ?? 0;
    } else if (channels >= 3) {
      for (let c = 0; c < 3; c++) out[to + c] = (Number(data[from + c]) - low) * factor;
    } else {
      const grey = (Number(data[from]) - low) * factor;
      out[to] = out[to + 1] = out[to + 2] = whiteIsZero ? 255 - grey : grey;
    }
    out[to + 3] = channels === 4 ? (Number(data[from + 3]) - low) * factor : 255;
  }
  return image;
}

/** Counts of values in 64 equal steps of the range, for each channel (alpha is left out). */
export function histogram(pixels: Pixels, { low, high }: Range): number[][] {
  const channels = Math.min(3, pixels.channels === 2 ? 1 : pixels.channels);
  const bins = Array.from({ length: channels }, () => new Array<number>(64).fill(0));
  const factor = 64 / (high - low || 1);
  for (let i = 0; i < pixels.width * pixels.height; i++) {
    for (let c = 0; c < channels; c++) {
      const v = Number(pixels.data[i * pixels.channels + c]);
      if (Number.isFinite(v)) bins[c][Math.max(0, Math.min(63, Math.floor((v - low) * factor)))]++;
    }
  }
  return bins;
}
