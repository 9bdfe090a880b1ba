// The engine's module (web/ABI.md): requests in, replies out, values in their JavaScript form.

import type { Files, Wanted } from './files.js';
import { EngineError, type ErrorKind, type NumericArray } from './types.js';

interface Exports {
  memory: WebAssembly.Memory;
  alloc(length: number): number;
  free(place: number, length: number): void;
  call(request: number, length: number): number;
  release(): void;
}

export type Request = { op: string; [member: string]: unknown };

/** What a call gave: its result, or what to bring here before it is made again. */
export type Answer = { done: unknown } | { missing: Wanted };

const ARRAYS = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

/** One instance of the module, which holds one open file. After a trap it must not be called again. */
export class Instance {
  private readonly exports: Exports;
  private panic = '';
  private failure: unknown;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  constructor(module: WebAssembly.Module, files: Files) {
    const bytes = (place: number, length: number) => new Uint8Array(this.exports.memory.buffer, place >>> 0, length >>> 0);
    const host = {
      size: (file: number) => files.source(file).size,
      has: (file: number, position: number, length: number) => (files.source(file).has(position, length) ? 1 : 0),
      read: (file: number, position: number, to: number, length: number) => {
        try {
          return files.source(file).read(position, bytes(to, length)) ? 0 : 1;
        } catch (error) {
          this.failure = error;
          files.reason = error instanceof Error ? error.message : String(error);
          return 2;
        }
      },
      other: (place: number, length: number, isRaw: number) => files.other(this.decoder.decode(bytes(place, length)), isRaw !== 0),
      reason: (to: number, most: number) => this.encoder.encodeInto(files.reason, bytes(to, most)).written,
      panicked: (text: number, length: number) => {
        this.panic = this.decoder.decode(bytes(text, length));
      },
    };
    this.exports = new WebAssembly.Instance(module, { host }).exports as unknown as Exports;
  }

  /** Runs a request. Throws an `EngineError`: `crashed` if the instance is lost. */
  call(request: Request): Answer {
    this.failure = undefined;
    try {
      return this.run(this.encoder.encode(JSON.stringify(request)));
    } catch (error) {
      if (error instanceof EngineError) throw this.failure ?? error;
      const text = this.panic || (error instanceof Error ? error.message : String(error));
      throw new EngineError('crashed', `the engine failed on this (${text.replace(/\s+/g, ' ')}); please report it`);
    }
  }

  private run(request: Uint8Array): Answer {
    const { alloc, free, call, release } = this.exports;
    const place = alloc(request.length) >>> 0;
    new Uint8Array(this.exports.memory.buffer, place, request.length).set(request);
    const reply = call(place, request.length) >>> 0;
    free(place, request.length);
    const { buffer } = this.exports.memory;
    const [status, at, length, count] = new Uint32Array(buffer, reply, 4) as unknown as [number, number, number, number];
    const json: unknown = JSON.parse(this.decoder.decode(new Uint8Array(buffer, at, length)));
    const places = new Uint32Array(buffer, reply + 16, 2 * count);
    const buffers = Array.from({ length: count }, (_, i) => buffer.slice(places[2 * i]!, places[2 * i]! + places[2 * i + 1]!));
    release();
    if (status === 2) return { missing: json as Wanted };
    if (status === 0) return { done: revived(json, buffers) };
    const { kind, message, path, structure, address } = json as EngineError;
    throw new EngineError(kind as ErrorKind, message, path ?? undefined, structure ?? undefined, address ?? undefined);
  }
}

/** Values in their JavaScript form: typed arrays, large integers, infinities, bytes. Changes what it is given. */
function revived(value: unknown, buffers: ArrayBuffer[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const element: unknown = value[i];
      if (typeof element === 'object' && element !== null) value[i] = revived(element, buffers);
    }
    return value;
  }
  const record = value as Record<string, unknown>;
  if (typeof record.i === 'string') return BigInt(record.i);
  if (typeof record.f === 'string') return Number(record.f);
  if (typeof record.b === 'string') return fromHex(record.b);
  if (typeof record.buffer === 'number') return array(record.type as keyof typeof ARRAYS, buffers[record.buffer]!);
  for (const key in record) {
    // What is not there is left out, not null, but for a shape, a value or a dimension without end.
    if (record[key] === null && !(key === 'shape' || key === 'value')) delete record[key];
    else record[key] = revived(record[key], buffers);
  }
  return record;
}

function array(type: keyof typeof ARRAYS, buffer: ArrayBuffer): NumericArray {
  return new ARRAYS[type](buffer);
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
