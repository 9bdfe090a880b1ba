// Elements as a table of any length and width: only what is seen is read and drawn.

import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState, type KeyboardEvent } from 'react';
import { note, usePlace } from '../app/address';
import { useFile } from '../app/context';
import { count, messageOf } from '../app/text';
import type { ViewProps } from '../app/views';
import type { TypeInfo, Value } from '../engine/types';
import { elementOf, isReference } from '../model/valueText';
import { firstSlice } from '../model/slice';
import { Notice } from '../ui/Notice';
import { isTyping } from '../app/Keys';
import { useRows } from '../ui/useRows';
import { Blocks, rowsAtOnce } from './blocks';
import { Slicer } from './Slicer';
import { useAxes } from './useAxes';
import { useSlice } from './useSlice';
import { OneValue } from './ValueLine';
import { valueText } from '../model/valueText';

const ROW = 26;
const HEAD = 30;
/** Browsers end elements at some 16 million pixels. */
const WIDEST = 8_000_000;

interface Column {
  name: string;
  note?: string;
  type: TypeInfo;
  width: number;
  left: number;
}

export function Table({ object }: ViewProps) {
  const { engine } = useFile();
  const { more } = usePlace();
  const dataset = object.dataset!;
  const shape = dataset.shape!;
  const axes = useAxes(object);
  const [chosen, setSlice] = useSlice(shape, 2);
  const slice = shape.length === 1 ? firstSlice(shape, 1) : chosen;
  const isCompound = dataset.type.class === 'compound' && slice.y === undefined;
  const rowCount = shape[slice.y ?? slice.x];
  const columns = useColumns(dataset.type, slice.y === undefined ? undefined : shape[slice.x], isCompound);
  const [version, redraw] = useReducer((n: number) => n + 1, 0);
  const key = `${slice.index.join()} ${slice.x} ${slice.y}`;
  const blocks = useMemo(
    () => new Blocks(engine, object.path, slice, rowCount, slice.y === undefined ? 1 : shape[slice.x], redraw, rowsAtOnce(object.dataset!, slice)),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [engine, object.path, key],
  );
  void version;

  const headWidth = Math.max(56, String(rowCount).length * 9 + 20);
  const rows = useRows(rowCount, ROW, 4, HEAD);
  const across = useAcross(rows.element, columns, headWidth);
  const goneTo = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (more.row === undefined || goneTo.current === more.row || rows.viewHeight === 0) return;
    goneTo.current = more.row;
    rows.show(Math.min(rowCount - 1, Number(more.row) || 0), 'start');
  }, [more.row, rows, rowCount]);

  if (rowCount === 0 || columns.length === 0) {
    return (
      <div className="plot-view">
        <Slicer shape={shape} slice={slice} axes={axes} onChange={setSlice} />
        <Notice icon="table" title="No elements">
          <p>One of the dimensions is 0 long.</p>
        </Notice>
      </div>
    );
  }

  const shownRows: number[] = [];
  for (let row = rows.first; row < rows.last; row++) shownRows.push(row);
  const goTo = (text: string) => {
    if (!/^\d+$/.test(text.trim())) return;
    goneTo.current = undefined;
    note({ row: String(Math.min(rowCount - 1, Number(text))) });
  };

  return (
    <div className="plot-view">
      <Slicer shape={shape} slice={slice} axes={axes} onChange={setSlice} />
      <div className="toolbar">
        <GoTo most={rowCount - 1} onGo={goTo} />
        <span className="faint">
          {count(rowCount)} rows{isCompound ? `, ${columns.length} fields` : slice.y === undefined ? '' : `, ${count(columns.length)} columns`}
        </span>
      </div>
      <div className="grid-box" ref={rows.box} tabIndex={0} role="grid" aria-label={`Elements of ${object.path}`} aria-rowcount={rowCount} aria-colcount={columns.length}>
        <div style={{ height: rows.height + HEAD, width: headWidth + Math.min(columns.width, WIDEST), position: 'relative' }}>
          <div className="grid-head" role="row" style={{ height: HEAD }}>
            <div className="corner" style={{ width: headWidth }} />
            {across.shown.map(({ name, note, type, left, width }, i) => (
              <div key={across.indices[i]} className={`head-cell ${alignOf(type)}`} role="columnheader" style={{ left: across.shift + left, width }} title={note ?? name}>
                {name}
                {note && <small>{note}</small>}
              </div>
            ))}
          </div>
          {shownRows.map((row) => (
            <div key={row} className={row % 2 ? 'grid-row odd' : 'grid-row'} role="row" aria-rowindex={row + 1} style={{ top: HEAD + rows.topOf(row), height: ROW }}>
              <div className="row-head" role="rowheader" style={{ width: headWidth }}>
                {row}
              </div>
              {across.indices.map((i, place) => (
                <Cell key={i} column={across.shown[place]} left={across.shift + across.shown[place].left} found={cellOf(blocks, row, isCompound ? 0 : i, isCompound ? i : undefined)} />
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

type Found = { value: Value } | { error: unknown } | undefined;

function cellOf(blocks: Blocks, row: number, column: number, member: number | undefined): Found {
  const { block, place } = blocks.at(row, column);
  if (block.error !== undefined) return { error: block.error };
  if (!block.values) return undefined;
  const element = elementOf(block.values, place);
  return { value: member === undefined ? element : (element as Value[])[member] };
}

function Cell({ column, left, found }: { column: Column; left: number; found: Found }) {
  const style = { left, width: column.width };
  if (!found) return <div className="cell waiting" role="gridcell" style={style} aria-busy="true" />;
  if ('error' in found) {
    return (
      <div className="cell bad" role="gridcell" style={style} title={messageOf(found.error)}>
        {messageOf(found.error)}
      </div>
    );
  }
  const text = valueText(found.value, column.type);
  const links = isReference(found.value);
  return (
    <div className={`cell ${alignOf(column.type)}`} role="gridcell" style={style} title={text.length > 12 ? text.slice(0, 2000) : undefined}>
      {links ? <OneValue value={found.value} type={column.type} /> : text.length > 300 ? `${text.slice(0, 300)}…` : text}
    </div>
  );
}

function alignOf(type: TypeInfo): 'left' | 'right' {
  return type.class === 'integer' || type.class === 'float' || type.class === 'bitfield' || type.class === 'time' ? 'right' : 'left';
}

function widthOf(type: TypeInfo): number {
  switch (type.class) {
    case 'integer':
      return type.size > 4 ? 150 : type.size > 2 ? 104 : 76;
    case 'float':
      return type.size > 4 ? 168 : 112;
    case 'boolean':
      return 76;
    case 'enum':
      return 130;
    case 'complex':
      return 240;
    case 'string':
      return Math.max(140, Math.min(520, (type.length ?? 40) * 8));
    default:
      return 320;
  }
}

/** Columns with the places where they begin; those of a matrix are alike, and none is made before it is seen. */
class Columns {
  constructor(
    readonly length: number,
    /** Of all of them, in pixels. */
    readonly width: number,
    readonly at: (i: number) => Column,
  ) {}

  static of(made: Column[]): Columns {
    const last = made.at(-1);
    return new Columns(made.length, last ? last.left + last.width : 0, (i) => made[i]);
  }

  static alike(type: TypeInfo, length: number): Columns {
    const width = Math.max(widthOf(type), String(length).length * 8 + 24);
    return new Columns(length, length * width, (i) => ({ name: String(i), type, width, left: i * width }));
  }

  /** The last one that begins at or before a place. */
  from(place: number): number {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.at(middle).left <= place) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}

function useColumns(type: TypeInfo, across: number | undefined, isCompound: boolean): Columns {
  return useMemo(() => {
    if (across !== undefined) return Columns.alike(type, across);
    if (!isCompound || type.class !== 'compound') return Columns.of([{ name: 'value', type, left: 0, width: Math.max(widthOf(type), 220) }]);
    let left = 0;
    return Columns.of(
      type.members.map(({ name, type }) => {
        const column = { name, note: type.text, type, left, width: Math.max(widthOf(type), Math.min(260, name.length * 8 + 24)) };
        left += column.width;
        return column;
      }),
    );
  }, [type, across, isCompound]);
}

/** Columns that are seen, and how far from their places they are drawn: of very many the scroll bar shows the place in proportion. */
function useAcross(element: HTMLDivElement | null, columns: Columns, headWidth: number): { shown: Column[]; indices: number[]; shift: number } {
  const [{ from, to, shift }, setWindow] = useState({ from: 0, to: 0, shift: 0 });
  useLayoutEffect(() => {
    if (!element) return;
    const measure = () => {
      const view = element.clientWidth - headWidth;
      const most = Math.max(1, Math.min(columns.width, WIDEST) - view);
      const place = columns.width > WIDEST ? Math.min(1, element.scrollLeft / most) * (columns.width - view) : element.scrollLeft;
      setWindow({ from: columns.from(place - 200), to: columns.from(place + view + 200) + 1, shift: element.scrollLeft - place });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [element, columns, headWidth]);
  const indices: number[] = [];
  for (let i = from; i < Math.min(to, columns.length); i++) indices.push(i);
  return { shown: indices.map(columns.at), indices, shift: headWidth + shift };
}

export function GoTo({ most, onGo, label = 'Go to row' }: { most: number; onGo: (text: string) => void; label?: string }) {
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      if (event.key !== 'g' || isTyping(event) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
  const go = (event: KeyboardEvent) => {
    if (event.key === 'Escape') input.current?.blur();
    if (event.key !== 'Enter') return;
    onGo(text);
    setText('');
    input.current?.blur();
  };
  return (
    <label className="go-to">
      {label}
      <input ref={input} type="text" inputMode="numeric" value={text} placeholder={`0 … ${most}`} onChange={(e) => setText(e.target.value)} onKeyDown={go} />
    </label>
  );
}
