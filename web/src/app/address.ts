// What the address bar says, and how it is changed: the link that somebody copies shows what he saw.
//
//     index.html?file=URL#/path/in/the/file?view=table&at=0,:,:&…
//
// `file` is a URL, absolute or relative to the page. Everything else stands behind `#`, which no browser sends anywhere.

import { useSyncExternalStore } from 'react';

export interface Place {
  /** Path of the object in the file; undefined: what is best shown first. */
  path?: string;
  /** Name of the view; undefined: the object's first. */
  view?: string;
  /** What views keep: `at` the slice, `row`, `class`, … */
  more: Readonly<Record<string, string>>;
}

export function parseHash(hash: string): Place {
  const text = hash.replace(/^#/, '');
  const mark = text.indexOf('?');
  const rawPath = mark < 0 ? text : text.slice(0, mark);
  const more: Record<string, string> = {};
  let view: string | undefined;
  if (mark >= 0) {
    for (const [key, value] of new URLSearchParams(text.slice(mark + 1))) {
      if (key === 'view') view = value;
      else more[key] = value;
    }
  }
  return { path: rawPath === '' ? undefined : decode(rawPath), view, more };
}

export function formatHash(place: Place): string {
  const path = (place.path ?? '').split('/').map(encodePart).join('/');
  const entries = Object.entries({ view: place.view, ...place.more }).filter(([, value]) => value !== undefined);
  const query = entries.map(([key, value]) => `${encodePart(key)}=${encodePart(String(value))}`).join('&');
  return `#${path}${query ? `?${query}` : ''}`;
}

/** The URL to open, if the address names one. */
export function fileOfAddress(): string | undefined {
  const file = new URLSearchParams(location.search).get('file');
  if (!file) return undefined;
  try {
    return new URL(file, location.href.replace(/[?#].*$/, '')).href;
  } catch {
    return file;
  }
}

/** Puts a URL into the address, or takes it out (a dropped file has none). */
export function rememberFile(url: string | undefined): void {
  const address = new URL(location.href);
  if (url) address.search = `?file=${encodePart(url)}`;
  else address.search = '';
  if (address.href !== location.href) history.pushState(null, '', address);
}

function encodePart(text: string): string {
  // These read well in an address and mean nothing there.
  return encodeURIComponent(text).replace(/%(3A|2C|40|2F)/g, (code) => decodeURIComponent(code));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone % that somebody typed
  }
}

const listeners = new Set<() => void>();
let current = parseHash(location.hash);
let currentHash = location.hash;

function tell(): void {
  for (const listener of listeners) listener();
}

window.addEventListener('hashchange', reread);
window.addEventListener('popstate', reread);
function reread(): void {
  if (location.hash === currentHash) return;
  currentHash = location.hash;
  current = parseHash(currentHash);
  tell();
}

export function place(): Place {
  return current;
}

/** Goes to an object (a new entry in the browser's history). */
export function goTo(path: string | undefined, view?: string, more: Record<string, string> = {}): void {
  set({ path, view, more }, true);
}

/** Changes the view of the same object. */
export function showView(view: string): void {
  set({ ...current, view }, true);
}

/** Notes what a view shows; no new entry in the history. `undefined` takes a key out. */
export function note(changes: Record<string, string | undefined>): void {
  const more: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...current.more, ...changes })) if (value !== undefined) more[key] = value;
  set({ ...current, more }, false);
}

function set(next: Place, entry: boolean): void {
  const hash = formatHash(next);
  if (hash === formatHash(current)) return;
  current = next;
  if (entry) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  currentHash = location.hash;
  tell();
}

export function usePlace(): Place {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, place);
}
