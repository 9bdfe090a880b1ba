// The calls of the contract as requests to the module, where that is all there is to them.

import type { Core } from './core.js';
import type {
  AttributeInfo,
  ChunkMap,
  EncodedImage,
  Explanation,
  ImageSet,
  Listing,
  NumericArray,
  ObjectInfo,
  Overview,
  OverviewRequest,
  SearchHit,
  Selection,
  StorageInfo,
  Values,
} from './types.js';
import { imageStatistics, type Progress } from './statistics.js';

/** What goes on while a call is under way. */
export interface Running {
  signal: AbortSignal;
  /** Something to tell before the call is done. */
  tell(news: unknown): void;
}

type Page = { offset?: number; count?: number };

/** By name: the worker is told the name and the arguments. */
export const calls = {
  list: (core: Core, run: Running, path: string, page: Page & { order?: string } = {}) =>
    core.call<Listing>({ op: 'list', path, ...page }, run.signal),
  object: (core: Core, run: Running, path: string) => core.call<ObjectInfo>({ op: 'object', path }, run.signal),
  attribute: (core: Core, run: Running, path: string, name: string) =>
    core.call<AttributeInfo>({ op: 'attribute', path, name }, run.signal),
  storage: (core: Core, run: Running, path: string) => core.call<StorageInfo>({ op: 'storage', path }, run.signal),
  read: (core: Core, run: Running, path: string, selection?: Selection, budget?: number) =>
    core.call<Values>({ op: 'read', path, selection, budget }, run.signal),
  readRows: (core: Core, run: Running, path: string, rows: number[]) =>
    core.call<Values>({ op: 'rows', path, rows }, run.signal),
  readImage: (core: Core, run: Running, path: string, row?: number) =>
    core.call<EncodedImage>({ op: 'image', path, row }, run.signal),
  overview: async (core: Core, run: Running, path: string, request: OverviewRequest = {}): Promise<Overview> => {
    const { transposed, ...view } = await core.call<Overview & { transposed: boolean }>(
      { op: 'overview', path, ...request },
      run.signal,
    );
    return transposed ? { ...view, array: turned(view.array, view.columns, view.rows) } : view;
  },
  search: async (core: Core, run: Running, text: string, limit = 1000) => {
    const found: SearchHit[] = [];
    let from: number | undefined;
    do {
      type Part = { hits: SearchHit[]; visited: number; more?: number };
      const part: Part = await core.call<Part>({ op: 'search', text, from }, run.signal);
      const hits = part.hits.slice(0, limit - found.length);
      found.push(...hits);
      run.tell({ hits, visited: part.visited });
      if (found.length >= limit) return { hits: found, complete: part.more === undefined && part.hits.length === hits.length };
      from = part.more;
      // Others, and the news that this is cancelled, come in between.
      await new Promise((go) => setTimeout(go));
    } while (from !== undefined);
    return { hits: found, complete: true };
  },
  imageSets: async (core: Core, run: Running): Promise<ImageSet[]> => {
    const sets = await core.call<Omit<ImageSet, 'description'>[]>({ op: 'imageSets' }, run.signal);
    return sets.map((set) => ({ ...set, description: description(set) }));
  },
  imageStatistics: (core: Core, run: Running, set: ImageSet, count?: number) =>
    imageStatistics(core, set, count, run.signal, (progress: Progress) => run.tell(progress)),
  chunkMap: (core: Core, run: Running, path: string, page: Page = {}) =>
    core.call<ChunkMap>({ op: 'chunkMap', path, ...page }, run.signal),
  explain: (core: Core, run: Running, path: string, limit?: number) =>
    core.call<Explanation>({ op: 'explain', path, limit }, run.signal),
  resolve: async (core: Core, run: Running, address: number) =>
    (await core.call<{ path?: string }>({ op: 'resolve', address }, run.signal)).path,
  /** Fails as a defect would: for tests of what comes after. */
  panic: (core: Core) => core.call<never>({ op: 'panic' }),
  hasChanged: (core: Core, run: Running) => core.hasChanged(run.signal),
};

function description(set: Omit<ImageSet, 'description'>): string {
  const count = set.count === 1 ? '1 image' : `${set.count.toLocaleString('en')} images`;
  const colours = { 1: 'grey', 3: 'RGB', 4: 'RGBA' }[set.channels] ?? `${set.channels} channels`;
  const size = set.width ? `${set.width}×${set.height} ${colours}` : 'of different sizes';
  const form = set.order === 'encoded' ? 'encoded' : size;
  return set.kind === 'gallery' && set.count > 1 ? `${count} · ${form}` : `${set.path} · ${count} · ${form}`;
}

/** Rows as columns. */
function turned(array: NumericArray, rows: number, columns: number): NumericArray {
  const other = array.slice() as NumericArray;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) other[column * rows + row] = array[row * columns + column]!;
  }
  return other;
}
