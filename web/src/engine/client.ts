// The engine as the page has it: a worker, calls that can be cancelled, and a new worker where one is lost.

import {
  type CallOptions,
  type Engine,
  EngineError,
  type FileInfo,
  type ImageStatistics,
  type SearchHit,
  type Source,
  type Stats,
} from './types.js';
import { type FromWorker, type ToWorker, fromPlain } from './wire.js';

interface Waiting {
  done(value: unknown): void;
  failed(error: Error): void;
  news?: (news: never) => void;
}

/** Starts an engine. It is told which file to open later. */
export function createEngine(): Engine {
  return new WorkerEngine();
}

class WorkerEngine implements Engine {
  file: FileInfo | undefined;
  stats: Stats = { requests: 0, bytes: 0, waiting: 0, size: 0 };
  private worker: Worker | undefined;
  private source: Source | undefined;
  private next = 1;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<(stats: Stats) => void>();

  constructor() {
    this.start();
  }

  async open(from: Source | File | URL | string, options?: CallOptions): Promise<FileInfo> {
    const source = sourceOf(from);
    this.file = this.source = undefined;
    const file = (await this.send({ kind: 'open', source }, options)) as FileInfo;
    [this.file, this.source] = [file, source];
    return file;
  }

  readonly list: Engine['list'] = (path, page, options) => this.call('list', [path, page], options);
  readonly object: Engine['object'] = (path, options) => this.call('object', [path], options);
  readonly attribute: Engine['attribute'] = (path, name, options) => this.call('attribute', [path, name], options);
  readonly storage: Engine['storage'] = (path, options) => this.call('storage', [path], options);
  readonly read: Engine['read'] = (path, selection, options) =>
    this.call('read', [path, selection, options?.budget], options);
  readonly readRows: Engine['readRows'] = (path, rows, options) => this.call('readRows', [path, rows], options);
  readonly readImage: Engine['readImage'] = (path, row, options) => this.call('readImage', [path, row], options);
  readonly overview: Engine['overview'] = (path, request, options) => this.call('overview', [path, request], options);
  readonly imageSets: Engine['imageSets'] = (options) => this.call('imageSets', [], options);
  readonly chunkMap: Engine['chunkMap'] = (path, page, options) => this.call('chunkMap', [path, page], options);
  readonly explain: Engine['explain'] = (path, options) => this.call('explain', [path, options?.limit], options);
  readonly resolve: Engine['resolve'] = (address, options) => this.call('resolve', [address], options);
  readonly hasChanged: Engine['hasChanged'] = (options) => this.call('hasChanged', [], options);

  readonly search: Engine['search'] = (text, options) => {
    const news = (part: { hits: SearchHit[]; visited: number }) => options?.onHits?.(part.hits, part.visited);
    return this.call('search', [text, options?.limit], options, news);
  };

  readonly imageStatistics: Engine['imageStatistics'] = (set, options) => {
    const news = (part: { done: number; total: number }) => options?.onProgress?.(part.done, part.total);
    return this.call<ImageStatistics>('imageStatistics', [set, options?.count], options, news);
  };

  onStats(listener: (stats: Stats) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.worker?.terminate();
    this.worker = undefined;
    this.lose(new EngineError('cancelled', 'the engine was closed'));
  }

  private call<T>(name: string, rest: unknown[], options?: CallOptions, news?: (news: never) => void): Promise<T> {
    return this.send({ kind: 'call', name, arguments: rest }, options, news) as Promise<T>;
  }

  private send(
    message: { kind: 'open'; source: Source } | { kind: 'call'; name: string; arguments: unknown[] },
    options?: CallOptions,
    news?: (news: never) => void,
  ): Promise<unknown> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(cancelled());
    const { worker } = this;
    if (!worker) return Promise.reject(new EngineError('cancelled', 'the engine was closed'));
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.waiting.delete(id);
        worker.postMessage({ kind: 'cancel', id } satisfies ToWorker);
        reject(cancelled());
      };
      const settled = <V>(then: (value: V) => void) => (value: V) => {
        signal?.removeEventListener('abort', stop);
        then(value);
      };
      this.waiting.set(id, { done: settled(resolve), failed: settled(reject), news });
      signal?.addEventListener('abort', stop, { once: true });
      worker.postMessage({ ...message, id } satisfies ToWorker);
    });
  }

  private start(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'h5manager engine' });
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.told(event.data);
    const lost = (text: string) => {
      if (this.worker === worker) this.restart(text);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      lost(event.message || 'the worker could not be started');
    };
    worker.onmessageerror = () => lost('a result that could not be handed over');
    this.worker = worker;
  }

  /** A new worker in the place of one that is lost, with the same file open. */
  private restart(text: string): void {
    const hadFile = this.source;
    const served = this.stats.requests > 0 || hadFile !== undefined;
    this.worker?.terminate();
    this.lose(new EngineError('crashed', `the engine was lost (${text}) and is started anew`));
    // One that never ran would not run the next time.
    if (!served) {
      this.worker = undefined;
      return;
    }
    this.start();
    if (hadFile) this.send({ kind: 'open', source: hadFile }).catch(() => undefined);
  }

  private lose(error: EngineError): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { failed } of all) failed(error);
  }

  private told(message: FromWorker): void {
    if (message.kind === 'stats') {
      this.stats = message.stats;
      for (const listener of this.listeners) listener(this.stats);
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (!waiting) return; // cancelled meanwhile
    if (message.kind === 'news') {
      waiting.news?.(message.news as never);
      return;
    }
    this.waiting.delete(message.id);
    if (message.kind === 'done') waiting.done(message.value);
    else waiting.failed(fromPlain(message.error));
  }
}

function cancelled(): EngineError {
  return new EngineError('cancelled', 'cancelled');
}

function sourceOf(from: Source | File | URL | string): Source {
  if (typeof from === 'string' || from instanceof URL) {
    return { kind: 'url', url: new URL(from, document.baseURI).href };
  }
  if (from instanceof File) return { kind: 'file', file: from };
  return from.kind === 'url' ? { ...from, url: new URL(from.url, document.baseURI).href } : from;
}
