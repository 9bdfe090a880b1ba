// The open file: one engine for the life of the page, and what is being done with it.

import { useSyncExternalStore } from 'react';
import type { Engine, ErrorKind, FileInfo, Source } from '../engine/types';
import { fileOfAddress, goTo, place, rememberFile } from './address';
import { messageOf } from './text';

export type Session =
  | { state: 'empty' }
  | { state: 'opening'; name: string }
  | { state: 'failed'; name: string; text: string; kind?: ErrorKind; again?: Source }
  | { state: 'open'; engine: Engine; file: FileInfo; source: Source; /** counts openings */ number: number };

/** What HDF5 files begin with, but for those with something of their users' in front. */
const SIGNATURE = '\x89HDF\r\n\x1a\n';

let session: Session = { state: 'empty' };
let engine: Promise<Engine> | undefined;
let openings = 0;
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  document.title = next.state === 'open' ? `${next.file.name} · h5manager` : 'h5manager viewer';
  for (const listener of listeners) listener();
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
}

/** Starts the engine, once; its code is not part of the first paint. */
export function startEngine(): Promise<Engine> {
  engine ??= import('../engine/client').then((client) => client.createEngine());
  // What could not be loaded is asked for again the next time.
  engine.catch(() => (engine = undefined));
  return engine;
}

export function nameOf(source: Source): string {
  if (source.kind === 'file') return source.file.name;
  if (source.kind === 'bytes') return source.name;
  if (source.name) return source.name;
  const last = source.url.replace(/[?#].*$/, '').split('/').pop() ?? '';
  try {
    return decodeURIComponent(last) || source.url;
  } catch {
    return last || source.url;
  }
}

/** Opens a file and shows it. `keepPlace`: the address already says what of it. */
export async function openSource(source: Source, keepPlace = false): Promise<void> {
  const number = ++openings;
  const name = nameOf(source);
  become({ state: 'opening', name });
  // The explorer's code comes while the engine looks at the file.
  void import('./Workspace').catch(() => undefined);
  void import('../gallery/Gallery').catch(() => undefined);
  try {
    const running = await startEngine();
    const file = await running.open(source);
    if (number !== openings) return;
    if (!keepPlace) {
      rememberFile(source.kind === 'url' ? source.url : undefined);
      goTo(undefined);
    }
    become({ state: 'open', engine: running, file, source, number });
  } catch (error) {
    if (number !== openings) return;
    const kind = (error as { kind?: ErrorKind }).kind;
    become({ state: 'failed', name, text: messageOf(error), kind, again: source });
  }
}

/** Opens files that were picked or dropped together: the first that begins as HDF5 does is shown, and may lead to the others
 * or be one file with them. */
export async function openFiles(list: FileList | readonly File[] | null): Promise<void> {
  const files = [...(list ?? [])];
  let file = files[0];
  for (const one of files.length > 1 ? files : []) {
    if (await hasSignature(one)) {
      file = one;
      break;
    }
  }
  if (file) openAmong(files, file);
}

async function hasSignature(file: File): Promise<boolean> {
  const start = await file.slice(0, SIGNATURE.length).arrayBuffer().catch(() => new ArrayBuffer(0));
  return String.fromCharCode(...new Uint8Array(start)) === SIGNATURE;
}

/** Shows another one of the files that were given together. */
export function openAmong(all: readonly File[], file: File): void {
  void openSource({ kind: 'file', file, others: all.filter((one) => one !== file) });
}

/** Opens the file that is open once more: it was changed. The place stays. */
export function reopen(): void {
  if (session.state === 'open') void openSource(session.source, true);
}

export function closeFile(): void {
  openings++;
  rememberFile(undefined);
  goTo(undefined);
  become({ state: 'empty' });
}

/** What the address names when the page is loaded. */
export function openFromAddress(): void {
  const url = fileOfAddress();
  if (url) void openSource({ kind: 'url', url }, true);
}

window.addEventListener('popstate', () => {
  const url = fileOfAddress();
  const shown = session.state === 'open' && session.source.kind === 'url' ? session.source.url : undefined;
  if (url && url !== shown) void openSource({ kind: 'url', url }, place().path !== undefined);
});
