// The chunks of a dataset as a picture: which are stored, and how large each is.

import { useEffect, useRef, useState, type MouseEvent } from 'react';
import { useFile } from '../app/context';
import { bytes, count } from '../app/text';
import type { ChunkMap, FilterInfo } from '../engine/types';
import { useAsync } from '../ui/useAsync';

const WIDTH = 272;
const TALLEST = 240;

export function ChunkMapView({ path, filters }: { path: string; filters: FilterInfo[] }) {
  const { engine } = useFile();
  const map = useAsync((signal) => engine.chunkMap(path, {}, { signal }), [engine, path]);
  if (map.state === 'failed') return <p className="bad-text">{(map.error as Error).message}</p>;
  if (!map.value) return <p className="faint">Reading the chunk index…</p>;
  return <Map map={map.value} filters={filters} />;
}

interface Layout {
  columns: number;
  rows: number;
  cell: number;
}

/** The grid laid flat: the last dimensions across, as many as fit, all others down; a single column is folded. */
function layoutOf(map: ChunkMap): Layout {
  let columns = 1;
  for (let axis = map.grid.length - 1; axis >= 0 && columns * map.grid[axis] <= 64; axis--) columns *= map.grid[axis];
  if (columns === 1) columns = map.grid.at(-1) ?? 1;
  if (columns < 4) columns = Math.max(columns, Math.ceil(Math.sqrt(map.total * 1.6)));
  columns = Math.min(columns, WIDTH, map.total);
  const rows = Math.ceil(map.total / columns);
  return { columns, rows, cell: Math.max(1, Math.min(14, Math.floor(WIDTH / columns), Math.floor(TALLEST / rows) || 1)) };
}

function numberOf(map: ChunkMap, chunk: number): number {
  const rank = map.grid.length;
  let number = 0;
  for (let axis = 0; axis < rank; axis++) number = number * map.grid[axis] + map.position[chunk * rank + axis];
  return number;
}

function Map({ map, filters }: { map: ChunkMap; filters: FilterInfo[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [under, setUnder] = useState<number>();
  const layout = layoutOf(map);
  const height = Math.min(TALLEST, layout.rows * layout.cell);

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const style = getComputedStyle(canvas.current!);
    const accent = style.getPropertyValue('--accent');
    context.clearRect(0, 0, WIDTH, TALLEST);
    context.fillStyle = style.getPropertyValue('--checker');
    context.fillRect(0, 0, layout.columns * layout.cell, height);
    let most = 1;
    for (const size of map.size) most = Math.max(most, size);
    const gap = layout.cell > 3 ? 1 : 0;
    context.fillStyle = accent;
    for (let i = 0; i < map.size.length; i++) {
      const number = numberOf(map, i);
      context.globalAlpha = 0.2 + 0.8 * (map.size[i] / most);
      const x = (number % layout.columns) * layout.cell;
      const y = Math.floor(number / layout.columns) * layout.cell;
      context.fillRect(x, y, layout.cell - gap, layout.cell - gap);
    }
    context.globalAlpha = 1;
  });

  const look = (event: MouseEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / layout.cell);
    const y = Math.floor((event.clientY - box.top) / layout.cell);
    const number = y * layout.columns + x;
    setUnder(x < layout.columns && number < map.total ? number : undefined);
  };

  return (
    <div className="chunk-map">
      <canvas
        ref={canvas}
        width={WIDTH}
        height={Math.max(1, height)}
        onMouseMove={look}
        onMouseLeave={() => setUnder(undefined)}
        role="img"
        aria-label={`${count(map.stored)} of ${count(map.total)} chunks are stored`}
      />
      <p className="faint">{under === undefined ? `${map.grid.map(count).join(' × ')} chunks; the stronger the colour, the larger` : textOf(map, under, filters)}</p>
    </div>
  );
}

function textOf(map: ChunkMap, number: number, filters: FilterInfo[]): string {
  const place: number[] = [];
  let rest = number;
  for (let axis = map.grid.length - 1; axis >= 0; axis--) {
    place.unshift(rest % map.grid[axis]);
    rest = Math.floor(rest / map.grid[axis]);
  }
  for (let i = 0; i < map.size.length; i++) {
    if (numberOf(map, i) !== number) continue;
    const skipped = filters.filter((_, bit) => (map.mask[i] >> bit) & 1).map((filter) => filter.name);
    return `[${place.join(', ')}] ${bytes(map.size[i])} at 0x${map.address[i].toString(16)}${skipped.length > 0 ? `, without ${skipped.join(', ')}` : ''}`;
  }
  return `[${place.join(', ')}] not stored: fill value`;
}
