// The engine where it runs: an instance of the module, the file's bytes, and requests that wait for those.

import { Files, type Finder, amongBytes, amongDropped, besideUrl } from './files.js';
import { Instance, type Request } from './module.js';
import { type ByteSource, type Counter, bytesSource, fileSource } from './sources.js';
import { EngineError, type FileInfo, type Source } from './types.js';
import { UrlSource } from './urlSource.js';

/** A request that needs bytes more often than this goes in circles. */
const MOST_ROUNDS = 10_000;

interface Opened {
  request: Request;
  size: number;
  files: Files;
  instance: Instance;
}

/** Runs requests on one open file. Those that wait for bytes let others go first. */
export class Core {
  readonly counter: Counter = { requests: 0, bytes: 0, waiting: 0 };
  private opened: Opened | undefined;

  constructor(
    private readonly module: WebAssembly.Module,
    /** Told after each change of `counter`. */
    private readonly told: () => void = () => undefined,
  ) {}

  /** Of the file, with all its parts. */
  get size(): number {
    return this.opened?.size ?? 0;
  }

  /** Other files that objects lead to and that are not there, by the objects' paths. */
  notThere: Readonly<Record<string, readonly string[]>> = {};

  async open(from: Source, signal?: AbortSignal): Promise<FileInfo> {
    this.opened = undefined;
    this.notThere = {};
    Object.assign(this.counter, { requests: 0, bytes: 0, waiting: 0 });
    const [source, find] = await this.sourceOf(from, signal);
    return this.openSource(source, nameOf(from), find, signal);
  }

  /** Opens a file whose bytes come from anywhere. */
  async openSource(source: ByteSource, name: string, find?: Finder, signal?: AbortSignal): Promise<FileInfo> {
    const request = { op: 'open', name };
    const files = new Files(source, find);
    const opened = { request, size: source.size, files, instance: new Instance(this.module, files) };
    const info = (await this.rounds(opened, request, signal)) as FileInfo;
    this.opened = { ...opened, size: info.size };
    return info;
  }

  close(): void {
    this.opened = undefined;
  }

  /** Runs a request of web/ABI.md. */
  async call<T>(request: Request, signal?: AbortSignal): Promise<T> {
    const opened = this.opened;
    if (!opened) throw new EngineError('invalid', 'no file is open');
    try {
      return (await this.rounds(opened, request, signal)) as T;
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'crashed') await this.renew(opened);
      throw error;
    }
  }

  async hasChanged(signal?: AbortSignal): Promise<boolean> {
    return (await this.opened?.files.hasChanged(signal)) ?? false;
  }

  private async sourceOf(from: Source, signal?: AbortSignal): Promise<[ByteSource, Finder]> {
    const { counter, told } = this;
    if (from.kind === 'file') return [fileSource(from.file, counter), amongDropped(from.others ?? [], from.file.name, counter)];
    if (from.kind === 'bytes') return [bytesSource(from.bytes, counter), amongBytes(from.others ?? {}, counter)];
    const source = await UrlSource.open(from.url, counter, told, signal);
    return [source, besideUrl(source, from.url, counter, told)];
  }

  private async rounds(opened: Opened, request: Request, signal?: AbortSignal): Promise<unknown> {
    const release = opened.files.hold();
    try {
      for (let round = 0; round < MOST_ROUNDS; round++) {
        if (signal?.aborted) throw new EngineError('cancelled', 'cancelled');
        const before = this.counter.requests;
        opened.files.missed.clear();
        const answer = opened.instance.call(request);
        if (this.counter.requests !== before) this.told();
        if ('done' in answer) {
          this.note(request, opened.files);
          return answer.done;
        }
        await opened.files.bring(answer.missing, signal);
      }
      throw new EngineError('limit', 'this needs bytes of the file over and over');
    } finally {
      release();
    }
  }

  /** Which files an object leads to that are not there: its elements of them are the fill value. */
  private note({ path }: Request, { missed }: Files): void {
    if (missed.size === 0 || typeof path !== 'string') return;
    const known = this.notThere[path] ?? [];
    const names = [...new Set([...known, ...missed])].slice(0, 20);
    if (names.length === known.length || Object.keys(this.notThere).length >= 1000) return;
    this.notThere = { ...this.notThere, [path]: names };
    this.told();
  }

  /** A new instance in the place of one that is lost, with the same file open. */
  private async renew(lost: Opened): Promise<void> {
    if (this.opened !== lost) return;
    const instance = new Instance(this.module, lost.files);
    const opened = { ...lost, instance };
    await this.rounds(opened, lost.request);
    if (this.opened === lost) this.opened = opened;
  }
}

function nameOf(from: Source): string {
  if (from.kind === 'file') return from.file.name;
  if (from.kind === 'bytes') return from.name;
  if (from.name) return from.name;
  const last = from.url.replace(/[?#].*$/, '').split('/').pop() ?? '';
  try {
    return decodeURIComponent(last) || from.url;
  } catch {
    return last || from.url;
  }
}
