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

  const total = columns.at(-1)!;
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
        <div style={{ height: rows.height + HEAD, width: headWidth + total.left + total.width, position: 'relative' }}>
          <div className="grid-head" role="row" style={{ height: HEAD }}>
            <div className="corner" style={{ width: headWidth }} />
            {across.shown.map((i) => (
              <div key={i} className={`head-cell ${alignOf(columns[i].type)}`} role="columnheader" style={{ left: headWidth + columns[i].left, width: columns[i].width }} title={columns[i].note ?? columns[i].name}>
                {columns[i].name}
                {columns[i].note && <small>{columns[i].note}</small>}
              </div>
            ))}
          </div>
          {shownRows.map((row) => (
            <div key={row} className={row % 2 ? 'grid-row odd' : 'grid-row'} role="row" aria-rowindex={row + 1} style={{ top: HEAD + rows.topOf(row), height: ROW }}>
              <div className="row-head" role="rowheader" style={{ width: headWidth }}>
                {row}
              </div>
              {across.shown.map((i) => (
                <Cell key={i} column={columns[i]} left={headWidth + columns[i].left} found={cellOf(blocks, row, isCompound ? 0 : i, isCompound ? i : undefined)} />
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

/** Columns with the places where they begin; of a matrix all are alike, and none is made before it is seen. */
function useColumns(type: TypeInfo, across: number | undefined, isCompound: boolean): Column[] {
  return useMemo(() => {
    let left = 0;
    const add = (name: string, of: TypeInfo, more?: string): Column => {
      const column = { name, note: more, type: of, left, width: Math.max(widthOf(of), Math.min(260, name.length * 8 + 24)) };
      left += column.width;
      return column;
    };
    if (isCompound && type.class === 'compound') return type.members.map((member) => add(member.name, member.type, member.type.text));
    if (across === undefined) return [{ ...add('value', type), width: Math.max(widthOf(type), 220) }];
    return Array.from({ length: across }, (_, i) => add(String(i), type));
  }, [type, across, isCompound]);
}

function useAcross(element: HTMLDivElement | null, columns: Column[], headWidth: number): { shown: number[] } {
  const [range, setRange] = useState<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    if (!element) return;
    const measure = () => {
      const from = element.scrollLeft - 200;
      const to = element.scrollLeft + element.clientWidth - headWidth + 200;
      setRange([firstFrom(columns, from), firstFrom(columns, to) + 1]);
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
  const shown: number[] = [];
  for (let i = range[0]; i < Math.min(range[1], columns.length); i++) shown.push(i);
  return { shown };
}

/** The last column that begins at or before a place. */
function firstFrom(columns: Column[], place: number): number {
  let low = 0;
  let high = columns.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (columns[middle].left <= place) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
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
