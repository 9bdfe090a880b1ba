// The file that is open and the others that it leads to, as the engine's module asks for them: by their numbers.

import type { ByteSource, Counter } from './sources.js';
import { fileSource, bytesSource } from './sources.js';
import { EngineError } from './types.js';
import { UrlSource } from './urlSource.js';

/** What looking for another file came to: its bytes, that there is none, or why it cannot be had and what to do. */
export type Looked = ByteSource | undefined | EngineError;

/**
 * Looks for another file. `place` is relative to the folder of the first file, or absolute; it may be anything that a
 * stranger wrote into that file. `isRaw`: it is wanted for raw data, and need not be HDF5.
 */
export type Finder = (place: string, isRaw: boolean, signal?: AbortSignal) => Promise<Looked>;

export interface Wanted {
  /** File, position, length. */
  ranges: [number, number, number][];
  /** Places, each with whether it is wanted for raw data. */
  files: [string, boolean][];
}

/** Names of files that are not there, as many as are told. */
const MOST_TOLD = 20;
/** Files that one may lead to. */
const MOST_FILES = 10_000;
/** Of those, as many as are asked at a time whether they are what they were. */
const MOST_ASKED = 50;
const RAW = 'raw';

/** What `other` answers where there is no number. */
export const UNKNOWN = -1;
const NONE = -2;
const NOT_THERE = -3;
const DENIED = -4;

export class Files {
  private readonly sources: ByteSource[];
  private readonly known = new Map<string, number | EngineError | undefined>();
  /** What requests that are under way hold. */
  private readonly holds = new Set<(() => void)[]>();
  /** Files that were asked for since this was emptied and are not there. */
  readonly missed = new Set<string>();
  private asked = 0;
  /** Why the last one that was asked for cannot be had. */
  reason = '';

  constructor(
    private readonly first: ByteSource,
    private readonly find: Finder = async () => undefined,
  ) {
    this.sources = [first];
  }

  /** The file of a number that `other` gave; 0 is the first one. */
  source(file: number): ByteSource {
    const source = this.sources[file];
    if (!source) throw new EngineError('invalid', `there is no file ${file}`);
    return source;
  }

  /** The number of the file at a place, or why there is none. */
  other(place: string, isRaw: boolean): number {
    const key = keyOf(place, isRaw);
    if (!this.known.has(key)) return UNKNOWN;
    const found = this.known.get(key);
    if (found === undefined) {
      if (this.missed.size < MOST_TOLD) this.missed.add(place);
      return NONE;
    }
    if (typeof found === 'number') return found;
    this.reason = found.message;
    return found.kind === 'not-found' ? NOT_THERE : DENIED;
  }

  /** Brings here what a request lacked. */
  async bring({ ranges, files }: Wanted, signal?: AbortSignal): Promise<void> {
    const bySource = new Map<number, [number, number][]>();
    for (const [file, position, length] of ranges) {
      const list = bySource.get(file);
      if (list) list.push([position, length]);
      else bySource.set(file, [[position, length]]);
    }
    await Promise.all([
      ...[...bySource].map(([file, list]) => this.source(file).fetch(list, signal)),
      ...files.map(([place, isRaw]) => this.look(place, isRaw, signal)),
    ]);
  }

  hold(): () => void {
    const releases = this.sources.map((source) => source.hold());
    this.holds.add(releases);
    return () => {
      this.holds.delete(releases);
      for (const release of releases) release();
    };
  }

  /** Whether one of them is another file by now, or one that was not there has come. Of many, some are asked each time. */
  async hasChanged(signal?: AbortSignal): Promise<boolean> {
    if (await this.first.hasChanged(signal)) return true;
    const lacking = [...this.known].filter(([, found]) => typeof found !== 'number').map(([key]) => key);
    const all = [...this.sources.slice(1), ...lacking];
    const some = all.length <= MOST_ASKED ? all : Array.from({ length: MOST_ASKED }, (_, i) => all[(this.asked + i) % all.length]!);
    this.asked += some.length;
    const changes = await Promise.all(some.map((one) => (typeof one === 'string' ? this.hasCome(one, signal) : one.hasChanged(signal))));
    return changes.includes(true);
  }

  private async hasCome(key: string, signal?: AbortSignal): Promise<boolean> {
    try {
      const found = await this.find(key.slice(key.indexOf(' ') + 1), key.startsWith(RAW), signal);
      return found !== undefined && !(found instanceof EngineError);
    } catch {
      return false;
    }
  }

  private async look(place: string, isRaw: boolean, signal?: AbortSignal): Promise<void> {
    const key = keyOf(place, isRaw);
    if (this.known.has(key)) return;
    const found = this.sources.length < MOST_FILES ? await this.found(place, isRaw, signal) : tooMany();
    if (this.known.has(key)) return; // meanwhile
    if (found === undefined || found instanceof EngineError) {
      this.known.set(key, found);
    } else {
      this.known.set(key, this.sources.push(found) - 1);
      for (const releases of this.holds) releases.push(found.hold());
    }
  }

  /** A failure is about that file: everything else goes on. */
  private async found(place: string, isRaw: boolean, signal?: AbortSignal): Promise<Looked> {
    try {
      return await this.find(place, isRaw, signal);
    } catch (error) {
      if (error instanceof EngineError && error.kind !== 'cancelled') return new EngineError(error.kind, `${place}: ${error.message}`);
      throw error;
    }
  }
}

function keyOf(place: string, isRaw: boolean): string {
  return `${isRaw ? RAW : 'hdf5'} ${place}`;
}

function tooMany(): EngineError {
  return new EngineError('limit', `the file leads to more than ${MOST_FILES} other files`);
}

/** Among files that were dropped together, by their names: wherever somebody had them, he gave them all. */
export function amongDropped(others: readonly File[], first: string, counter: Counter): Finder {
  return async (place) => {
    const found = sameName(others, place, (file) => file.webkitRelativePath || file.name);
    if (found) return fileSource(found, counter);
    // Where others were given, one may be missing on purpose.
    if (others.length > 0) return undefined;
    return new EngineError('not-found', `${place} is another file, which this page was not given: drop it together with ${first}`);
  };
}

/** Among bytes in memory, by their names. */
export function amongBytes(others: Readonly<Record<string, Uint8Array>>, counter: Counter): Finder {
  return async (place) => {
    const found = sameName(Object.entries(others), place, ([name]) => name);
    return found && bytesSource(found[1], counter);
  };
}

/** The one whose path ends like the place does, else the only one of the same last name. */
function sameName<T>(all: readonly T[], place: string, pathOf: (one: T) => string): T | undefined {
  const last = (path: string) => path.split(/[/\\]/).pop();
  const whole = all.find((one) => pathOf(one) === place || pathOf(one).endsWith(`/${place}`));
  if (whole !== undefined) return whole;
  const alike = all.filter((one) => last(pathOf(one)) === last(place));
  return alike.length === 1 ? alike[0] : undefined;
}

/**
 * On the server that has the first file: in the same folder and below. h5manager's own server is asked by whatever name a
 * file has for another; what may be read is decided there.
 */
export function besideUrl(first: UrlSource, url: string, counter: Counter, told: () => void): Finder {
  const folder = new URL('./', url).href;
  return async (place, isRaw, signal) => {
    if (place === '') return undefined;
    if (first.servesByName) {
      const named = new URL(`${isRaw ? '../raw/' : ''}${encodeURIComponent(place)}`, folder).href;
      return UrlSource.openOther(named, counter, told, signal);
    }
    if (/^([/\\]|[a-z]:)/i.test(place)) return isRaw ? outside(place) : undefined; // its last name is tried next
    const parts = place.split('/');
    if (parts.includes('..')) return outside(place);
    const named = new URL(`./${parts.map(encodeURIComponent).join('/')}`, folder).href;
    if (!named.startsWith(folder) || named === folder) return outside(place);
    const found = await UrlSource.openOther(named, counter, told, signal);
    if (found || !isRaw) return found;
    return new EngineError('not-found', `${place} is not on the server: put it beside the file there, or drop both here together`);
  };
}

function outside(place: string): EngineError {
  return new EngineError(
    'denied',
    `${place} lies outside the file's folder, and nothing is asked for there; download both and drop them here together`,
  );
}
