// The rows of the tree without the tree: groups are lists of which only the pages that were looked at are here, and the
// row at a place is found by its number. A group of 100,000 members costs what is seen of it.

import type { Child, Engine } from '../engine/types';
import { messageOf } from '../app/text';

const PAGE = 500;

export interface Row {
  /** Depth, 0 for the members of the root. */
  depth: number;
  /** `undefined` while its page is on the way. */
  child: Child | undefined;
  parent: Branch;
  /** Its place among its siblings, from 0. */
  at: number;
  open: boolean;
  /** A line of text instead of a member: the group could not be listed. */
  failure?: string;
}

/** A group that was opened. */
export class Branch {
  total = 0;
  failure: string | undefined;
  listed = false;
  private pages = new Map<number, Child[]>();
  private coming = new Map<number, Promise<void>>();
  /** Open members, by their place. */
  readonly open = new Map<number, Branch>();

  constructor(
    readonly path: string,
    readonly parent: Branch | undefined,
    readonly at: number,
  ) {}

  /** Rows of its members and of what is open below them. */
  get rows(): number {
    if (this.failure) return 1;
    let n = this.total;
    for (const branch of this.open.values()) n += branch.rows;
    return n;
  }

  child(at: number): Child | undefined {
    return this.pages.get(Math.floor(at / PAGE))?.[at % PAGE];
  }

  /** Asks for the page that holds a member and waits for it; whether it is new. */
  async want(engine: Engine, at: number): Promise<boolean> {
    const number = Math.floor(at / PAGE);
    if (this.pages.has(number)) return false;
    let coming = this.coming.get(number);
    if (!coming) {
      coming = this.fetch(engine, number).finally(() => this.coming.delete(number));
      this.coming.set(number, coming);
    }
    await coming;
    return true;
  }

  private async fetch(engine: Engine, number: number): Promise<void> {
    try {
      const listing = await engine.list(this.path, { offset: number * PAGE, count: PAGE });
      this.total = listing.total;
      this.pages.set(number, listing.children);
      this.listed = true;
    } catch (error) {
      // A page that failed stays empty; the first one says why the group has no members here.
      this.pages.set(number, []);
      if (!this.listed) this.failure = messageOf(error);
    }
  }

  /** The place of a member by its name, -1 if there is none. Listings are in the order of names, so few pages are asked for. */
  async find(engine: Engine, name: string): Promise<number> {
    await this.want(engine, 0);
    let low = 0;
    let high = Math.ceil(this.total / PAGE) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      await this.want(engine, middle * PAGE);
      const place = this.placeIn(middle, name);
      if (place >= 0) return place;
      const first = this.child(middle * PAGE);
      if (!first) return -1;
      if (before(name, first.name)) high = middle - 1;
      else low = middle + 1;
    }
    return -1;
  }

  private placeIn(page: number, name: string): number {
    for (let at = page * PAGE; at < Math.min((page + 1) * PAGE, this.total); at++) if (this.child(at)?.name === name) return at;
    return -1;
  }
}

export class TreeModel {
  readonly root = new Branch('/', undefined, 0);
  private listeners = new Set<() => void>();
  /** Counts changes, for `useSyncExternalStore`. */
  version = 0;

  constructor(private readonly engine: Engine) {
    void this.load(this.root, 0);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private tell(): void {
    this.version++;
    for (const listener of this.listeners) listener();
  }

  async load(branch: Branch, at: number): Promise<void> {
    if (await branch.want(this.engine, at)) this.tell();
  }

  get rows(): number {
    return this.root.rows;
  }

  /** The row at a place, counted from the top. */
  row(index: number): Row | undefined {
    return rowIn(this.root, index, 0);
  }

  /** Where a member's row is. */
  indexOf(branch: Branch, at: number): number {
    let index = at;
    for (const [place, open] of branch.open) if (place < at) index += open.rows;
    return branch.parent ? index + 1 + this.indexOf(branch.parent, branch.at) : index;
  }

  async expand(row: Row): Promise<void> {
    if (!row.child || !canOpen(row.child) || row.open) return;
    const branch = new Branch(row.child.path, row.parent, row.at);
    row.parent.open.set(row.at, branch);
    this.tell();
    await this.load(branch, 0);
  }

  collapse(row: Row): void {
    if (row.parent.open.delete(row.at)) this.tell();
  }

  /** Opens what leads to a path and returns its row's place; -1 if the path is not in the tree. */
  async reveal(path: string): Promise<number> {
    const names = path.split('/').filter((name) => name !== '');
    let branch = this.root;
    for (const [depth, name] of names.entries()) {
      const at = await branch.find(this.engine, name);
      if (at < 0) {
        this.tell();
        return -1;
      }
      if (depth === names.length - 1) {
        this.tell();
        return this.indexOf(branch, at);
      }
      let below = branch.open.get(at);
      if (!below) {
        below = new Branch(branch.child(at)?.path ?? path, branch, at);
        branch.open.set(at, below);
      }
      branch = below;
    }
    return -1;
  }
}

export function canOpen(child: Child): boolean {
  return child.kind === 'group' && !child.isEmpty;
}

/** By code points, which is the order of UTF-8's bytes; JavaScript's own is another beyond the basic plane. */
function before(a: string, b: string): boolean {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] !== y[i]) return x[i].codePointAt(0)! < y[i].codePointAt(0)!;
  }
  return x.length < y.length;
}

function rowIn(branch: Branch, index: number, depth: number): Row | undefined {
  if (branch.failure) {
    return index === 0 ? { depth, child: undefined, parent: branch, at: 0, open: false, failure: branch.failure } : undefined;
  }
  let before = 0; // rows of open members that were passed
  for (const [at, below] of [...branch.open].sort((a, b) => a[0] - b[0])) {
    const place = at + before;
    if (index <= place) break;
    if (index <= place + below.rows) return rowIn(below, index - place - 1, depth + 1);
    before += below.rows;
  }
  const at = index - before;
  if (at < 0 || at >= branch.total) return undefined;
  return { depth, child: branch.child(at), parent: branch, at, open: branch.open.has(at) };
}
