// A file behind a URL: a cache of blocks, and requests for ranges, several at once.
//
// `cache: 'no-store'`: with its cache on, Chromium asks for the parts of one URL one after the other.

import type { ByteSource, Counter } from './sources.js';
import { EngineError } from './types.js';

const BLOCK = 64 << 10;
/** Blocks that are kept when nobody needs them. */
const KEPT = 256 << 20;
/** Bytes of one request at most, and requests at a time. */
const PIECE = 4 << 20;
const LANES = 8;
/** Blocks between two wanted ones that are fetched along: another request costs more. */
const GAP = 1;
/** How far ahead is read where metadata stand one behind the other. */
const MOST_AHEAD = 16;

interface Block {
  bytes: Uint8Array;
  used: number;
}

/** What tells one state of a file from another. */
interface Mark {
  size: number;
  etag: string | null;
  modified: string | null;
}

export class UrlSource implements ByteSource {
  private readonly blocks = new Map<number, Block>();
  private readonly coming = new Map<number, Promise<void>>();
  private readonly held = new Set<{ since: number }>();
  private tick = 0;
  private ahead = 1;
  private lastEnd = -1;
  private lanes = 0;
  private readonly queue: (() => void)[] = [];

  private constructor(
    private readonly url: string,
    private readonly mark: Mark,
    private readonly counter: Counter,
    private readonly told: () => void,
    /** The server gives other files by any name that a file has for them (h5manager's own). */
    readonly servesByName: boolean,
  ) {}

  get size(): number {
    return this.mark.size;
  }

  /** Asks for the first block, and so for what the server can do. */
  static async open(url: string, counter: Counter, told: () => void, signal?: AbortSignal): Promise<UrlSource> {
    return this.of(url, await askFirst(url, counter, told, signal), counter, told);
  }

  /** The same for a file that another one leads to, and that may not be there. */
  static async openOther(
    url: string,
    counter: Counter,
    told: () => void,
    signal?: AbortSignal,
  ): Promise<UrlSource | undefined> {
    const response = await askFirst(url, counter, told, signal);
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      return undefined;
    }
    if (response.status === 403 && response.headers.get('Content-Type')?.startsWith('text/plain')) {
      throw new EngineError('denied', (await response.text()).slice(0, 500));
    }
    return this.of(url, response, counter, told);
  }

  private static async of(url: string, response: Response, counter: Counter, told: () => void): Promise<UrlSource> {
    if (response.status === 416) {
      await response.body?.cancel();
      throw new EngineError('damaged', 'the file is empty');
    }
    const size = await sizeOf(response);
    const mark = { size, etag: response.headers.get('ETag'), modified: response.headers.get('Last-Modified') };
    const servesByName = response.headers.get('H5manager-Others') === 'by-name';
    const source = new UrlSource(url, mark, counter, told, servesByName);
    const first = new Uint8Array(await response.arrayBuffer());
    counter.bytes += first.length;
    told();
    if (first.length === Math.min(BLOCK, size)) source.keep(0, first);
    return source;
  }

  has(position: number, length: number): boolean {
    const end = Math.min(position + length, this.size);
    for (let block = Math.floor(position / BLOCK); block * BLOCK < end; block++) {
      if (!this.blocks.has(block)) return false;
    }
    return true;
  }

  read(position: number, into: Uint8Array): boolean {
    if (!this.has(position, into.length)) return false;
    for (let done = 0; done < into.length; ) {
      const at = position + done;
      const number = Math.floor(at / BLOCK);
      const block = this.blocks.get(number)!;
      block.used = this.tick;
      const part = block.bytes.subarray(at - number * BLOCK, at - number * BLOCK + into.length - done);
      if (part.length === 0) throw new EngineError('io', `the file ends at ${this.size}`);
      into.set(part, done);
      done += part.length;
    }
    return true;
  }

  hold(): () => void {
    const hold = { since: ++this.tick };
    this.held.add(hold);
    return () => {
      this.held.delete(hold);
      this.evict();
    };
  }

  async fetch(ranges: [number, number][], signal?: AbortSignal): Promise<void> {
    const wanted = new Set<number>();
    for (const [position, length] of ranges) {
      const end = Math.min(position + length, this.size);
      for (let block = Math.floor(position / BLOCK); block * BLOCK < end; block++) wanted.add(block);
    }
    this.readAhead(wanted);
    const waits: Promise<void>[] = [];
    const fresh: number[] = [];
    for (const block of [...wanted].sort((a, b) => a - b)) {
      const coming = this.coming.get(block);
      if (coming) waits.push(coming);
      else if (!this.blocks.has(block)) fresh.push(block);
    }
    for (const [first, last] of runs(fresh)) waits.push(this.bring(first, last));
    await untilAborted(Promise.all(waits), signal);
  }

  /** Asks the server; one that does not answer has not changed the file. */
  async hasChanged(signal?: AbortSignal): Promise<boolean> {
    try {
      const response = await ask(this.url, { method: 'HEAD', signal }, this.counter, this.told);
      if (response.status === 404 || response.status === 410) return true;
      if (!response.ok) return false;
      const length = response.headers.get('Content-Length');
      const encoded = response.headers.has('Content-Encoding');
      return this.differs(response, length === null || encoded ? this.size : Number(length));
    } catch {
      return false;
    }
  }

  private differs(response: Response, size: number): boolean {
    const other = (mine: string | null, header: string) => {
      const theirs = response.headers.get(header);
      return mine !== null && theirs !== null && mine !== theirs;
    };
    return size !== this.size || other(this.mark.etag, 'ETag') || other(this.mark.modified, 'Last-Modified');
  }

  /** Where a little is wanted that stands behind what came last, more is fetched each time. */
  private readAhead(wanted: Set<number>): void {
    if (wanted.size !== 1) return;
    const [only] = wanted;
    this.ahead = only - this.lastEnd <= 1 && only > this.lastEnd ? Math.min(2 * this.ahead, MOST_AHEAD) : 1;
    for (let block = only! + 1; block < only! + this.ahead && block * BLOCK < this.size; block++) {
      if (this.blocks.has(block)) break;
      wanted.add(block);
    }
    this.lastEnd = only! + this.ahead - 1;
  }

  /** Fetches the blocks from `first` to `last`, which are in no other request. */
  private bring(first: number, last: number): Promise<void> {
    const done = this.lane().then(async (leave) => {
      try {
        const start = first * BLOCK;
        const bytes = await this.range(start, Math.min((last + 1) * BLOCK, this.size));
        for (let block = first; block <= last; block++) {
          // A copy, so that one block that is kept does not keep the others.
          const from = block * BLOCK - start;
          this.keep(block, first === last ? bytes : bytes.slice(from, from + BLOCK));
        }
      } finally {
        for (let block = first; block <= last; block++) this.coming.delete(block);
        leave();
      }
    });
    for (let block = first; block <= last; block++) this.coming.set(block, done);
    done.catch(() => undefined); // whoever waits for it is told
    return done;
  }

  private async lane(): Promise<() => void> {
    if (this.lanes >= LANES) await new Promise<void>((go) => this.queue.push(go));
    this.lanes++;
    return () => {
      this.lanes--;
      this.queue.shift()?.();
    };
  }

  /** The bytes from `start` to `end`; what comes short is asked for again. */
  private async range(start: number, end: number): Promise<Uint8Array> {
    const all = new Uint8Array(end - start);
    for (let done = 0, tries = 0; done < all.length; ) {
      const from = start + done;
      const headers = { Range: `bytes=${from}-${end - 1}` };
      const response = await ask(this.url, { headers }, this.counter, this.told);
      if (response.status === 404 || response.status === 410 || response.status === 416) {
        throw new EngineError('changed', 'the file is gone, or shorter than when it was opened; open it again');
      }
      const size = await sizeOf(response);
      if (this.differs(response, size)) {
        await response.body?.cancel();
        throw new EngineError('changed', 'the file was changed since it was opened; open it again');
      }
      const part = await bodyOf(response);
      this.counter.bytes += part.length;
      this.told();
      if (part.length > all.length - done) throw new EngineError('network', 'the server sent more than was asked for');
      if (part.length === 0 && ++tries > 3) throw new EngineError('network', 'the server sends nothing of the file');
      all.set(part, done);
      done += part.length;
    }
    return all;
  }

  private keep(number: number, bytes: Uint8Array): void {
    this.blocks.set(number, { bytes, used: this.tick });
    this.evict();
  }

  /** Lets go of what was used longest ago, if no request that is under way may need it. */
  private evict(): void {
    let over = this.blocks.size - KEPT / BLOCK;
    if (over <= 0) return;
    const needed = Math.min(Infinity, ...[...this.held].map((hold) => hold.since));
    const old = [...this.blocks].filter(([, block]) => block.used < needed).sort((a, b) => a[1].used - b[1].used);
    for (const [number] of old) {
      if (over-- <= 0) return;
      this.blocks.delete(number);
    }
  }
}

/** Blocks in order as runs, each one request. */
function runs(blocks: number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const block of blocks) {
    const last = found[found.length - 1];
    const joins = last && block - last[1] <= 1 + GAP && (block - last[0] + 1) * BLOCK <= PIECE;
    if (joins) last[1] = block;
    else found.push([block, block]);
  }
  return found;
}

async function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) throw new EngineError('cancelled', 'cancelled');
  return new Promise<T>((done, failed) => {
    const stop = () => failed(new EngineError('cancelled', 'cancelled'));
    signal.addEventListener('abort', stop, { once: true });
    work.then(done, failed).finally(() => signal.removeEventListener('abort', stop));
  });
}

function askFirst(url: string, counter: Counter, told: () => void, signal?: AbortSignal): Promise<Response> {
  return ask(url, { headers: { Range: `bytes=0-${BLOCK - 1}` }, signal }, counter, told);
}

/** One request. A connection that breaks, or a server that is busy, is asked once more. */
async function ask(url: string, options: RequestInit, counter: Counter, told: () => void): Promise<Response> {
  counter.waiting++;
  try {
    for (let tried = 0; ; tried++) {
      counter.requests++;
      told();
      let response: Response;
      try {
        response = await fetch(url, { ...options, cache: 'no-store', credentials: 'same-origin', referrerPolicy: 'no-referrer' });
      } catch (error) {
        if (options.signal?.aborted) throw new EngineError('cancelled', 'cancelled');
        if (tried < 1) {
          await new Promise((done) => setTimeout(done, 200));
          continue;
        }
        throw await unreachable(url, error);
      }
      const busy = response.status === 429 || response.status >= 500;
      if (!busy || tried >= 1) return response;
      await response.body?.cancel();
      await new Promise((done) => setTimeout(done, 500));
    }
  } finally {
    counter.waiting--;
    told();
  }
}

/** Whether it is the server that does not answer, or one that does not let this page read its answer. */
async function unreachable(url: string, error: unknown): Promise<EngineError> {
  const host = hostOf(url);
  const answers = await fetch(url, { method: 'HEAD', mode: 'no-cors', cache: 'no-store' }).then(
    () => true,
    () => false,
  );
  if (answers && new URL(url).origin !== globalThis.location?.origin) {
    return new EngineError(
      'no-cors',
      `${host} does not let other sites read its files: its answers lack Access-Control-Allow-Origin; download the file and drop it here`,
    );
  }
  return new EngineError('network', `${host} cannot be reached (${error instanceof Error ? error.message : String(error)})`);
}

function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}

/** The size of the file, which an answer with a part of it says. */
async function sizeOf(response: Response): Promise<number> {
  if (response.status === 206) {
    const range = response.headers.get('Content-Range');
    const size = /\/(\d+)\s*$/.exec(range ?? '')?.[1];
    if (size !== undefined) return Number(size);
    await response.body?.cancel();
    throw range === null
      ? new EngineError(
          'no-cors',
          'the server does not show how large the file is: its answers need Access-Control-Expose-Headers: Content-Range; download the file and drop it here',
        )
      : new EngineError('no-range', `the server does not say how large the file is (Content-Range: ${range})`);
  }
  await response.body?.cancel();
  if (response.status === 200) {
    throw new EngineError(
      'no-range',
      'the server sends only whole files (it does not know Range requests); download the file and drop it here',
    );
  }
  throw new EngineError('network', `the server answers ${response.status} ${response.statusText}`.trim());
}

/** What arrived of a body; a connection may end before it should. */
async function bodyOf(response: Response): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
  } catch (error) {
    if (length === 0) throw new EngineError('network', `the connection broke (${error instanceof Error ? error.message : String(error)})`);
  }
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
