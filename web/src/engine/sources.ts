// Where the bytes of a file come from, as the engine's module asks for them: at once, or not here yet.

import { EngineError } from './types.js';

/** A file's bytes. `read` and `has` are called by the module and answer at once; `fetch` brings what they lacked. */
export interface ByteSource {
  readonly size: number;
  /** Whether `read` of any part would find it here. */
  has(position: number, length: number): boolean;
  /** Fills `into`; false if the bytes are not here yet. Throws if they cannot be had. */
  read(position: number, into: Uint8Array): boolean;
  /** Brings ranges here: position and length each. */
  fetch(ranges: [number, number][], signal?: AbortSignal): Promise<void>;
  /** A request to the engine begins; what it needs stays here until the function that is returned is called. */
  hold(): () => void;
  /** Whether the file is another one by now. */
  hasChanged(signal?: AbortSignal): Promise<boolean>;
}

/** What was asked of the file. */
export interface Counter {
  requests: number;
  bytes: number;
  waiting: number;
}

/** A file whose bytes can be read at once, whatever they are in. */
export class SyncSource implements ByteSource {
  private readonly blocks = new Map<number, Uint8Array>();

  constructor(
    readonly size: number,
    /** Reads `length` bytes; may return fewer, but at least one. */
    private readonly readPart: (position: number, length: number) => Uint8Array,
    private readonly counter: Counter,
    private readonly changed: () => Promise<boolean> = async () => false,
    private readonly block = 256 << 10,
    private readonly most = 256,
  ) {}

  has(): boolean {
    return true;
  }

  read(position: number, into: Uint8Array): boolean {
    if (into.length >= this.block) {
      into.set(this.whole(position, into.length));
      return true;
    }
    let done = 0;
    while (done < into.length) {
      const at = position + done;
      const number = Math.floor(at / this.block);
      const within = at - number * this.block;
      const part = this.cached(number).subarray(within, within + into.length - done);
      if (part.length === 0) throw new EngineError('io', `the file ends at ${this.size}`);
      into.set(part, done);
      done += part.length;
    }
    return true;
  }

  async fetch(): Promise<void> {}

  hold(): () => void {
    return () => undefined;
  }

  hasChanged(): Promise<boolean> {
    return this.changed();
  }

  private cached(number: number): Uint8Array {
    let bytes = this.blocks.get(number);
    if (bytes) {
      this.blocks.delete(number);
    } else {
      const start = number * this.block;
      bytes = this.whole(start, Math.min(this.block, this.size - start));
    }
    this.blocks.set(number, bytes);
    if (this.blocks.size > this.most) this.blocks.delete(this.blocks.keys().next().value!);
    return bytes;
  }

  private whole(position: number, length: number): Uint8Array {
    let part = this.readPart(position, length);
    this.counter.requests++;
    this.counter.bytes += part.length;
    if (part.length === length) return part;
    const all = new Uint8Array(length);
    all.set(part);
    for (let done = part.length; done < length; done += part.length) {
      part = this.readPart(position + done, length - done);
      if (part.length === 0) throw new EngineError('changed', 'the file has become shorter since it was opened');
      this.counter.requests++;
      this.counter.bytes += part.length;
      all.set(part, done);
    }
    return all;
  }
}

/** Bytes in memory. */
export function bytesSource(bytes: Uint8Array, counter: Counter): ByteSource {
  return new SyncSource(bytes.length, (position, length) => bytes.subarray(position, position + length), counter);
}

/** A picked or dropped file. Only in workers: nothing else may read at once. */
export function fileSource(file: Blob, counter: Counter): ByteSource {
  const reader = new FileReaderSync();
  const gone = 'the file was changed or removed since it was opened; open it again';
  const readPart = (position: number, length: number) => {
    try {
      return new Uint8Array(reader.readAsArrayBuffer(file.slice(position, position + length)));
    } catch {
      throw new EngineError('changed', gone);
    }
  };
  const changed = () => file.slice(0, 1).arrayBuffer().then(() => false, () => true);
  return new SyncSource(file.size, readPart, counter, changed);
}
