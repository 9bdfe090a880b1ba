// Blocks of a table that were read, and those that are on the way.

import type { DatasetInfo, Engine, Values } from '../engine/types';
import { isTransposed, selectionOf, type Slice } from '../model/slice';

const ROWS = 200;
/** Of rows so long that each costs a request of its own. */
const FAR_ROWS = 40;
const FAR = 64 << 10;
const COLUMNS = 50;
const KEPT = 60;

export interface Block {
  values?: Values;
  error?: unknown;
  row: number;
  column: number;
  columns: number;
  rows: number;
}

/** How many rows are read at once, for what fits on the screen costs some requests whatever it is. */
export function rowsAtOnce({ layout, shape, type }: DatasetInfo, { y, x }: Slice): number {
  if (layout === 'chunked' || !shape || y === undefined) return ROWS;
  const apart = shape.slice(y + 1).reduce((all, n) => all * n, type.size);
  return y < x && apart >= FAR ? FAR_ROWS : ROWS;
}

export class Blocks {
  private blocks = new Map<string, Block>();

  constructor(
    private readonly engine: Engine,
    private readonly path: string,
    private readonly slice: Slice,
    private readonly rows: number,
    private readonly columns: number,
    private readonly changed: () => void,
    private readonly atOnce = ROWS,
  ) {}

  /** The block with a cell in it and the cell's place there; asked for if it is not here. */
  at(row: number, column: number): { block: Block; place: number } {
    const r = Math.floor(row / this.atOnce);
    const c = Math.floor(column / COLUMNS);
    const key = `${r} ${c}`;
    let block = this.blocks.get(key);
    if (!block) {
      block = {
        row: r * this.atOnce,
        column: c * COLUMNS,
        rows: Math.min(this.atOnce, this.rows - r * this.atOnce),
        columns: Math.min(COLUMNS, this.columns - c * COLUMNS),
      };
      this.blocks.set(key, block);
      void this.read(block);
      if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value!);
    } else {
      // Used last: forgotten last.
      this.blocks.delete(key);
      this.blocks.set(key, block);
    }
    const y = row - block.row;
    const x = column - block.column;
    return { block, place: isTransposed(this.slice) ? x * block.rows + y : y * block.columns + x };
  }

  private async read(block: Block): Promise<void> {
    const down: [number, number] = [block.row, block.row + block.rows];
    const across: [number, number] = [block.column, block.column + block.columns];
    const selection = this.slice.y === undefined ? selectionOf(this.slice, down) : selectionOf(this.slice, across, down);
    try {
      block.values = await this.engine.read(this.path, selection);
    } catch (error) {
      block.error = error;
    }
    this.changed();
  }
}
