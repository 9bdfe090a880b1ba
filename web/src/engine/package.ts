// h5manager-wasm: the engine without the page, on the thread that calls it, in node and in the browser.

import { type Running, calls } from './calls.js';
import { Core } from './core.js';
import type { Finder } from './files.js';
import { SyncSource } from './sources.js';
import { EngineError, type FileInfo, type Source } from './types.js';

export * from './types.js';

export interface OpenOptions {
  signal?: AbortSignal;
  /** The compiled module, if it is not to be loaded from beside this file. */
  module?: WebAssembly.Module;
}

type Calls = typeof calls;
type Rest<F> = F extends (core: Core, run: Running, ...rest: infer R) => infer P ? (...rest: R) => P : never;
/** Every call of the contract (types.ts) that reads; with the arguments that it has there. */
export type H5File = { [Name in Exclude<keyof Calls, 'panic'>]: Rest<Calls[Name]> } & {
  readonly file: FileInfo;
  /** Requests and bytes so far. */
  readonly stats: { readonly requests: number; readonly bytes: number };
  close(): void;
};

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Opens a file: bytes, a URL, a `Source`, in node a path, in a worker a `File`. Reads what is asked for and no more; from
 * a URL by Range requests.
 */
export async function openFile(from: Source | Uint8Array | URL | string | File, options: OpenOptions = {}): Promise<H5File> {
  const { signal = new AbortController().signal } = options;
  const module = options.module ?? (await (compiled ??= compile()));
  const core = new Core(module);
  const file = isNode && typeof from === 'string' && !/^https?:/.test(from) ? await openPath(core, from) : await core.open(sourceOf(from), signal);
  const run: Running = { signal, tell: () => undefined };
  const bound = Object.entries(calls).map(([name, call]) => {
    const any = call as (core: Core, run: Running, ...rest: unknown[]) => unknown;
    return [name, (...rest: unknown[]) => any(core, run, ...rest)];
  });
  return { ...Object.fromEntries(bound), file, stats: core.counter, close: () => core.close() } as H5File;
}

/** Loads the engine before the first file is opened; otherwise the first file waits for it. */
export async function load(): Promise<void> {
  await (compiled ??= compile());
}

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

/** Beside this module; not written where it is used, or the bundler would put its bytes there. */
const ENGINE = './engine.wasm';

async function compile(): Promise<WebAssembly.Module> {
  const url = new URL(ENGINE, import.meta.url);
  if (url.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return WebAssembly.compile(await readFile(url));
  }
  return WebAssembly.compile(await (await fetch(url)).arrayBuffer());
}

async function openPath(core: Core, path: string): Promise<FileInfo> {
  const { realpathSync, statSync } = await import('node:fs');
  const { basename, dirname, resolve, sep } = await import('node:path');
  const folder = dirname(resolve(path));
  const within = (file: string, folder: string) => file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  // Those in the file's folder and below; symbolic links that lead out do not count.
  const find: Finder = async (place) => {
    const file = resolve(folder, place);
    if (!within(file, folder)) return new EngineError('denied', `${place} lies outside the file's folder`);
    let real;
    try {
      real = realpathSync(file);
    } catch {
      return undefined;
    }
    if (!within(real, realpathSync(folder)) || !statSync(real).isFile()) return new EngineError('denied', `${place} is no file in the file's folder`);
    return pathSource(core, real);
  };
  return core.openSource(await pathSource(core, path), basename(path), find);
}

async function pathSource(core: Core, path: string): Promise<SyncSource> {
  const { openSync, fstatSync, readSync } = await import('node:fs');
  const file = openSync(path, 'r');
  const { size, mtimeMs } = fstatSync(file);
  const readPart = (position: number, length: number) => {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, position));
  };
  const changed = async () => {
    const now = fstatSync(file);
    return now.size !== size || now.mtimeMs !== mtimeMs;
  };
  return new SyncSource(size, readPart, core.counter, changed);
}

function sourceOf(from: Source | Uint8Array | URL | string | File): Source {
  // In a page it counts from the page's address.
  if (typeof from === 'string') return { kind: 'url', url: new URL(from, globalThis.location?.href).href };
  if (from instanceof URL) return { kind: 'url', url: from.href };
  if (from instanceof Uint8Array) return { kind: 'bytes', bytes: from, name: '' };
  if (typeof File !== 'undefined' && from instanceof File) {
    if (typeof FileReaderSync === 'undefined') throw new EngineError('unsupported', 'a File can be read in a worker; elsewhere give its bytes');
    return { kind: 'file', file: from };
  }
  return from as Source;
}
