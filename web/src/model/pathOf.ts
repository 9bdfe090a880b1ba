// The path of an object that only its address is known of: a reference tells no name.

import type { Engine } from '../engine/types';

/** Links that are looked at before the search is given up. */
const MOST = 50_000;
const PAGE = 1000;

/** Goes through the groups, nearest to the root first, until a link leads to the address. */
export async function pathOf(engine: Engine, address: number): Promise<string | undefined> {
  const met = await engine.resolve(address);
  if (met !== undefined) return met;
  const groups = ['/'];
  const seen = new Set<number>();
  let looked = 0;
  for (let path = groups.shift(); path !== undefined && looked < MOST; path = groups.shift()) {
    for (let offset = 0, total = 1; offset < total && looked < MOST; offset += PAGE) {
      const page = await engine.list(path, { offset, count: PAGE }).catch(() => undefined);
      if (!page) break;
      total = page.total;
      looked += page.children.length;
      for (const child of page.children) {
        if (child.address === undefined) continue;
        if (child.address === address) return child.path;
        // Circles of links are gone through once.
        if (child.kind === 'group' && !seen.has(child.address)) groups.push(child.path);
        seen.add(child.address);
      }
    }
  }
  return undefined;
}
