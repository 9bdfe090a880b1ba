// An image set as a contact sheet: captions, classes, order; one image large, or two side by side.

import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState, type KeyboardEvent } from 'react';
import { note, usePlace } from '../app/address';
import { useFile } from '../app/context';
import { isTyping } from '../app/Keys';
import { count, plural } from '../app/text';
import type { ViewProps } from '../app/views';
import type { ImageSet } from '../engine/types';
import { canvasBlob, useOfferPicture } from '../export/offer';
import { PAPER } from '../plot/paint';
import { Icon } from '../ui/icons';
import { useAsync } from '../ui/useAsync';
import { useRows } from '../ui/useRows';
import { GoTo } from '../views/Table';
import { Compare } from './Compare';
import { ImageDetail } from './ImageDetail';
import { ImageSource } from './images';
import { Names, readLabels, type Labels } from './labels';
import { paintSheet } from './sheet';
import './gallery.css';

type Order = 'index' | 'backwards' | 'class' | 'name' | 'shuffled';
const NO_LABELS: Labels = { of: new Int32Array(), names: [], counts: [] };
const SIZES = [40, 56, 72, 96, 128, 176, 240];

export function Gallery({ set }: ViewProps) {
  return set ? <Sheet key={set.path} set={set} /> : null;
}

function Sheet({ set }: { set: ImageSet }) {
  const { engine } = useFile();
  const { more } = usePlace();
  const source = useMemo(() => new ImageSource(engine, set), [engine, set]);
  const names = useMemo(() => new Names(engine, set), [engine, set]);
  const reading = useAsync((signal) => readLabels(engine, set, signal), [engine, set]);
  const labels = reading.value;
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const [size, setSize] = useState(() => firstSize(set));
  const [stretched, setStretched] = useState(false);
  source.stretch(stretched);

  const chosen = labels && more.class !== undefined ? labels.names.indexOf(more.class) : -1;
  const sort = (more.sort as Order | undefined) ?? 'index';
  const order = useOrder(set, labels, chosen, sort, names);
  const hasNames = set.kind === 'gallery' || set.names !== undefined;
  const lines = 1 + (hasNames ? 1 : 0);
  const cellHeight = size + 10 + lines * 16;
  const [columns, setColumns] = useState(1);
  const rows = useRows(Math.ceil(order.length / columns), cellHeight, 1);
  const fitting = Math.max(1, Math.floor((rows.width - 4) / (size + 12)));
  // What is left over goes between the columns.
  const pitch = order.length < columns ? size + 12 : Math.floor((rows.width - 4) / columns);
  // Before anything is painted: nothing moves.
  useLayoutEffect(() => setColumns(fitting), [fitting]);

  const from = Math.min(order.length, rows.first * columns);
  const to = Math.min(order.length, rows.last * columns);
  const visible = useMemo(() => Array.from(order.subarray(from, to)), [order, from, to]);
  useEffect(() => {
    if (rows.width === 0) return;
    const stop = new AbortController();
    void source.want(visible, stop.signal, redraw).catch(() => undefined);
    void names.want(visible, redraw);
    return () => stop.abort();
  }, [source, names, visible, rows.width, stretched]);

  const picked = rowOf(more.row, set.count);
  const compared = rowOf(more.cmp, set.count);
  const [focus, setFocus] = useState(0);
  const place = (row: number) => order.indexOf(row);
  const pick = (row: number | undefined) => note({ row: row === undefined ? undefined : String(row) });

  // The image that the address names is scrolled to, once there is room.
  const scrolledTo = useRef<string | undefined>(undefined);
  useEffect(() => {
    const key = `${picked} ${columns}`;
    if (picked === undefined || rows.viewHeight === 0 || columns !== fitting || scrolledTo.current === key || order.length === 0) return;
    scrolledTo.current = key;
    const at = place(picked);
    if (at < 0) return;
    setFocus(at);
    rows.show(Math.floor(at / columns), 'near');
  });

  const move = (next: number, open = picked !== undefined) => {
    const at = Math.max(0, Math.min(order.length - 1, next));
    setFocus(at);
    rows.show(Math.floor(at / columns));
    if (open) {
      scrolledTo.current = `${order[at]} ${columns}`;
      pick(order[at]);
    }
  };
  const page = columns * rows.page;
  const turn = (by: number) => {
    const row = Math.max(0, Math.min(Math.ceil(order.length / columns) - 1, Math.round(rows.top) + by * rows.page));
    setFocus(Math.min(order.length - 1, row * columns));
    rows.show(row, 'start');
  };
  const key = (event: KeyboardEvent | globalThis.KeyboardEvent) => {
    const steps: Record<string, () => void> = {
      ArrowRight: () => move(focus + 1),
      ArrowLeft: () => move(focus - 1),
      ArrowDown: () => move(focus + columns),
      ArrowUp: () => move(focus - columns),
      Home: () => move(0),
      End: () => move(order.length - 1),
      PageDown: () => move(focus + page),
      PageUp: () => move(focus - page),
      n: () => turn(1),
      p: () => turn(-1),
      Enter: () => pick(order[focus]),
      Escape: () => note({ row: undefined, cmp: undefined }),
      c: () => document.querySelector<HTMLElement>('.classes button')?.focus(),
    };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step();
  };
  const latestKey = useRef(key);
  latestKey.current = key;
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      if (isTyping(event) || event.defaultPrevented) return;
      if (['n', 'p', 'c', 'Escape'].includes(event.key)) latestKey.current(event);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);

  const caption = (row: number) => captionOf(row, labels, names);
  useOfferPicture(async () => {
    const rowsNow = visible.slice(0, 400);
    await source.want(rowsNow, new AbortController().signal, () => undefined);
    return canvasBlob(paintSheet(source, rowsNow, (row) => caption(row), columns, Math.max(size, 48), PAPER, set.description));
  });

  return (
    <div className="gallery" data-count={order.length} data-labels={labels ? labels.names.length : 0}>
      {/* The classes have their place before they are here. */}
      {set.labels && reading.state === 'waiting' && <Classes labels={NO_LABELS} total={set.count} chosen={-1} />}
      {labels && labels.names.length > 0 && <Classes labels={labels} total={set.count} chosen={chosen} />}
      <div className="sheet">
        <div className="toolbar">
          <b className="sheet-count">
            {order.length === set.count ? plural(set.count, 'image') : `${count(order.length)} of ${plural(set.count, 'image')}`}
          </b>
          <GoTo
            most={set.count - 1}
            label="Go to"
            onGo={(text) => {
              const row = rowOf(text.trim(), set.count);
              if (row !== undefined) pick(row);
            }}
          />
          <label>
            Order
            <select value={sort} onChange={(event) => note({ sort: event.target.value === 'index' ? undefined : event.target.value })}>
              <option value="index">index</option>
              <option value="backwards">from the end</option>
              {labels && <option value="class">class</option>}
              {hasNames && <option value="name">name</option>}
              <option value="shuffled">shuffled</option>
            </select>
          </label>
          <label className="size">
            Size
            <input type="range" min={0} max={SIZES.length - 1} value={SIZES.indexOf(size)} onChange={(event) => setSize(SIZES[event.target.valueAsNumber])} />
          </label>
          {!source.isEncoded && (
            <button aria-pressed={stretched} onClick={() => setStretched(!stretched)} title="Each image from its own darkest to its own brightest value">
              Stretch
            </button>
          )}
        </div>
        <div
          className="cells"
          ref={rows.box}
          role="listbox"
          aria-label={set.description}
          tabIndex={0}
          aria-activedescendant={`cell-${order[focus]}`}
          onKeyDown={key}
        >
          <div style={{ height: rows.height + 8, position: 'relative' }} role="presentation">
            {(rows.width === 0 ? [] : visible).map((row, i) => {
              const at = from + i;
              const style = {
                top: 6 + rows.topOf(Math.floor(at / columns)),
                left: 8 + (at % columns) * pitch,
                width: size,
              };
              return (
                <Cell
                  key={row}
                  row={row}
                  style={style}
                  size={size}
                  bitmap={source.bitmap(row)}
                  className={labels && labels.of[row] >= 0 ? labels.names[labels.of[row]] : undefined}
                  name={hasNames ? names.get(row) : undefined}
                  picked={row === picked || row === compared}
                  focused={at === focus}
                  onPick={(second) => {
                    setFocus(at);
                    scrolledTo.current = `${row} ${columns}`;
                    if (second && picked !== undefined) note({ cmp: String(row) });
                    else pick(row);
                  }}
                />
              );
            })}
          </div>
        </div>
      </div>
      {picked !== undefined && (
        <section className={compared === undefined ? 'detail' : 'detail comparing'} aria-label={`Image ${picked}`}>
          <div className="detail-head">
            <h2>{caption(picked)}</h2>
            {compared === undefined ? (
              <>
                <button className="icon-button" aria-label="Image before" title="Image before" onClick={() => move(place(picked) - 1)}>
                  <Icon name="left" />
                </button>
                <button className="icon-button" aria-label="Next image" title="Next image" onClick={() => move(place(picked) + 1)}>
                  <Icon name="chevron" />
                </button>
                <button
                  className="icon-button"
                  title="Compare with the next; or click another image with Shift"
                  aria-label="Compare"
                  onClick={() => note({ cmp: String(order[Math.min(order.length - 1, place(picked) + 1)]) })}
                >
                  <Icon name="compare" />
                </button>
              </>
            ) : (
              <button className="icon-button" title="One image" aria-label="Stop comparing" aria-pressed onClick={() => note({ cmp: undefined })}>
                <Icon name="compare" />
              </button>
            )}
            <button className="icon-button" aria-label="Close" onClick={() => note({ row: undefined, cmp: undefined })}>
              <Icon name="close" />
            </button>
          </div>
          {compared === undefined ? (
            <ImageDetail key={String(stretched)} source={source} row={picked} caption={caption(picked)} />
          ) : (
            <Compare source={source} rows={[picked, compared]} captions={[caption(picked), caption(compared)]} />
          )}
        </section>
      )}
    </div>
  );
}

function captionOf(row: number, labels: Labels | undefined, names: Names): string {
  const parts = [String(row)];
  if (labels && labels.of[row] >= 0) parts.push(labels.names[labels.of[row]]);
  const name = names.get(row);
  if (name) parts.push(name);
  return parts.join(' · ');
}

function rowOf(text: string | undefined, total: number): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const row = Number(text);
  return row < total ? row : undefined;
}

function firstSize(set: ImageSet): number {
  const side = Math.max(set.width, set.height);
  if (side === 0 || set.count <= 24) return 128;
  if (side <= 32) return 72;
  return side <= 128 ? 96 : 128;
}

function useOrder(set: ImageSet, labels: Labels | undefined, chosen: number, sort: Order, names: Names): Uint32Array {
  const all = useAsync((signal) => (sort === 'name' ? names.all(signal) : Promise.resolve(undefined)), [names, sort]).value;
  return useMemo(() => {
    let rows = Array.from({ length: set.count }, (_, i) => i);
    if (labels && chosen >= 0) rows = rows.filter((row) => labels.of[row] === chosen);
    if (sort === 'backwards') rows.reverse();
    if (sort === 'class' && labels) rows.sort((a, b) => labels.of[a] - labels.of[b] || a - b);
    if (sort === 'name' && all) rows.sort((a, b) => (all[a] < all[b] ? -1 : all[a] > all[b] ? 1 : a - b));
    if (sort === 'shuffled') rows.sort((a, b) => scatter(a) - scatter(b));
    return Uint32Array.from(rows);
  }, [set, labels, chosen, sort, all]);
}

/** The same shuffle each time: a link shows what was seen. */
function scatter(n: number): number {
  let x = Math.imul(n + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 0;
}

function Classes({ labels, total, chosen }: { labels: Labels; total: number; chosen: number }) {
  const [filter, setFilter] = useState('');
  const most = Math.max(1, ...labels.counts);
  const choose = (name: string | undefined) => note({ class: name, row: undefined, cmp: undefined });
  const shown = labels.names.map((name, i) => ({ name, i })).filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  return (
    <div className="classes" role="group" aria-label="Classes">
      {labels.names.length > 30 && (
        <input type="search" placeholder={`Search ${labels.names.length} classes`} aria-label="Search classes" value={filter} onChange={(e) => setFilter(e.target.value)} />
      )}
      <button aria-pressed={chosen < 0} onClick={() => choose(undefined)}>
        <span>All classes</span>
        <small>{count(total)}</small>
      </button>
      {shown.slice(0, 500).map(({ name, i }) => (
        <button key={i} aria-pressed={chosen === i} onClick={() => choose(chosen === i ? undefined : name)} data-class={name} title={`${name}: ${plural(labels.counts[i], 'image')}`}>
          <i style={{ width: `${(100 * labels.counts[i]) / most}%` }} />
          <span>{name || '(no name)'}</span>
          <small>{count(labels.counts[i])}</small>
        </button>
      ))}
    </div>
  );
}

interface CellProps {
  row: number;
  style: { top: number; left: number; width: number };
  size: number;
  bitmap: ImageBitmap | Error | undefined;
  className: string | undefined;
  name: string | undefined;
  picked: boolean;
  focused: boolean;
  onPick: (second: boolean) => void;
}

function Cell({ row, style, size, bitmap, className, name, picked, focused, onPick }: CellProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = bitmap instanceof Error ? undefined : bitmap;
  useEffect(() => {
    const element = canvas.current;
    if (!element || !picture) return;
    element.width = picture.width;
    element.height = picture.height;
    element.getContext('2d')!.drawImage(picture, 0, 0);
  }, [picture]);
  const ratio = picture ? picture.width / picture.height : 1;
  const fit = ratio >= 1 ? { width: size, height: size / ratio } : { width: size * ratio, height: size };
  const label = [String(row), className, name].filter(Boolean).join(' · ');
  return (
    <div
      id={`cell-${row}`}
      className={`image-cell${picked ? ' picked' : ''}${focused ? ' focused' : ''}`}
      style={style}
      role="option"
      aria-selected={picked}
      aria-label={label}
      title={bitmap instanceof Error ? bitmap.message : label}
      data-row={row}
      data-painted={bitmap instanceof Error ? undefined : picture !== undefined}
      onClick={(event) => onPick(event.shiftKey)}
    >
      <div className={`frame${bitmap === undefined ? ' waiting' : ''}`} style={{ height: size }}>
        {bitmap instanceof Error ? (
          <span className="unreadable">
            <Icon name="broken" size={18} />
            {size >= 72 && bitmap.message}
          </span>
        ) : (
          // Small pictures are shown pixel by pixel, large ones smoothly.
          <canvas ref={canvas} style={{ ...fit, imageRendering: picture && picture.width < size * 1.5 ? 'pixelated' : 'auto' }} />
        )}
      </div>
      <p>
        <b>{row}</b> {className}
      </p>
      {name !== undefined && <p className="faint">{name.split('/').pop() || '\u00a0'}</p>}
    </div>
  );
}
