// Two dimensions as colours, whatever their size: samples of the window that is seen are asked for, never the whole.

import { useMemo, useRef, useState, type MouseEvent, type PointerEvent, type WheelEvent } from 'react';
import { note, usePlace } from '../app/address';
import { useFile } from '../app/context';
import { count } from '../app/text';
import type { ViewProps } from '../app/views';
import type { Overview } from '../engine/types';
import { canvasBlob, useOfferPicture } from '../export/offer';
import { enumName, numberText } from '../model/valueText';
import { packingOf, unpack, type Packing } from '../model/packing';
import { COLOR_MAPS, colorTable, type ColorMap } from '../plot/colors';
import { areaOf, clear, fitAspect, heatImage, PAPER, paintAxes, paintColorBar, screenInk, type Area, type Ink } from '../plot/paint';
import { domainOf, makeScale, type Domain, type ScaleName } from '../plot/scale';
import { paintOffScreen, useCanvas } from '../plot/useCanvas';
import { Failure } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { Slicer } from './Slicer';
import { axisOf, coordinateText, unitOf, useAxes } from './useAxes';
import { formatWindow, parseWindow, useSlice } from './useSlice';

/** `[rows, columns]`, each from and to. */
type Window = [[number, number], [number, number]];

interface Samples {
  values: Float64Array | Float32Array;
  rows: number;
  columns: number;
  rowIndex: Float64Array;
  columnIndex: Float64Array;
  window: Window;
  exact: boolean;
  /** Of which slice: while another one is on the way, this one is still seen, in its own colours. */
  of: string;
}

export function HeatMap({ object }: ViewProps) {
  const { file } = useFile();
  const { more } = usePlace();
  const dataset = object.dataset!;
  const shape = dataset.shape!;
  const [slice, setSlice] = useSlice(shape, 2);
  const axes = useAxes(object);
  const y = slice.y!;
  const bounds: Window = [
    [0, shape[y]],
    [0, shape[slice.x]],
  ];
  const window = parseWindow(more.win, bounds) as Window;
  const options = optionsOf(more);
  const packing = packingOf(object);
  const fetched = useSamples(object.path, slice, window, options.raw ? undefined : packing);
  const samples = fetched.value;

  const whole = useRef<{ key: string; domain: Domain }>(undefined);
  const domain = useDomain(samples, options, whole);
  const table = colorTable(options.map, options.inverted);
  const scale = useMemo(() => makeScale(options.scale, domain), [options.scale, domain]);
  const image = useMemo(() => (samples ? toCanvas(heatImage(samples.values, samples.columns, samples.rows, scale, table)) : undefined), [samples, scale, table]);
  const [under, setUnder] = useState<{ row: number; column: number; value: number }>();
  const [box, setBox] = useState<[number, number, number, number]>();

  const place = (width: number, height: number, title: boolean): Area => {
    const area = areaOf(width, height, { bar: true, title });
    const ratio = (window[1][1] - window[1][0]) / (window[0][1] - window[0][0]);
    return options.aspect === 'equal' ? fitAspect(area, ratio) : area;
  };
  const paint = (c: CanvasRenderingContext2D, width: number, height: number, ink: Ink, title?: string): Area => {
    clear(c, width, height, ink);
    const area = place(width, height, title !== undefined);
    if (image && samples) paintImage(c, area, image, samples.window, window);
    const axis = (of: number, [from, to]: [number, number]) => axisOf(axes[of], [from - 0.5, to - 0.5], `dimension ${of}`);
    paintAxes(c, area, axis(slice.x, window[1]), { ...axis(y, window[0]), downward: true }, ink, title);
    paintColorBar(c, area, domain, scale, table, ink, options.raw && packing ? undefined : unitOf(object));
    return area;
  };
  const plot = useCanvas((c, width, height, canvas) => {
    const ink = screenInk(canvas);
    const area = paint(c, width, height, ink);
    if (box) {
      c.strokeStyle = ink.accent;
      c.lineWidth = 1.5;
      c.strokeRect(Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.abs(box[2] - box[0]), Math.abs(box[3] - box[1]));
    }
    canvas.dataset.axes = [y, slice.x].map((of) => axisOf(axes[of], [0, 1], `dimension ${of}`).label).join(', ');
    canvas.dataset.area = [area.x, area.y, area.width, area.height].map(Math.round).join(',');
  });
  useOfferPicture(() => {
    const fixed = shape.length > 2 ? ` [${slice.index.map((i, a) => (a === slice.x || a === y ? ':' : i)).join(', ')}]` : '';
    return canvasBlob(paintOffScreen(1100, 760, (c, width, height) => void paint(c, width, height, PAPER, `${file.name} ${object.path}${fixed}`)));
  });

  const at = (event: { clientX: number; clientY: number; currentTarget: Element }): { row: number; column: number; px: number; py: number } => {
    const rect = event.currentTarget.getBoundingClientRect();
    const area = place(plot.width, plot.height, false);
    const px = event.clientX - rect.left;
    const py = event.clientY - rect.top;
    return {
      px,
      py,
      row: window[0][0] + ((py - area.y) / area.height) * (window[0][1] - window[0][0]),
      column: window[1][0] + ((px - area.x) / area.width) * (window[1][1] - window[1][0]),
    };
  };
  const look = (event: MouseEvent) => {
    const { row, column } = at(event);
    const inside = row >= window[0][0] && row < window[0][1] && column >= window[1][0] && column < window[1][1];
    setUnder(inside && samples ? nearest(samples, row, column) : undefined);
  };
  const setWindow = (next: Window) => {
    const all = next.every(([from, to], i) => from <= 0 && to >= bounds[i][1]);
    note({ win: all ? undefined : formatWindow(next) });
  };
  const zoom = (event: WheelEvent) => {
    const { row, column } = at(event);
    const factor = Math.exp(Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300));
    setWindow([zoomed(window[0], row, factor, bounds[0]), zoomed(window[1], column, factor, bounds[1])]);
  };
  const drag = useDrag(at, window, bounds, setWindow, setBox);

  return (
    <div className="plot-view">
      <Slicer shape={shape} slice={slice} axes={axes} onChange={setSlice} />
      <Toolbar options={options} isPacked={packing !== undefined} zoomedIn={more.win !== undefined} onReset={() => setWindow(bounds)} />
      {fetched.state === 'failed' ? (
        <Failure error={fetched.error} />
      ) : (
        <div
          className="plot-box"
          ref={plot.box}
          onWheel={zoom}
          onMouseMove={look}
          onMouseLeave={() => setUnder(undefined)}
          onDoubleClick={() => setWindow(bounds)}
          {...drag}
        >
          <canvas ref={plot.canvas} role="img" aria-label={`Heat map of ${object.path}`} data-painted={image !== undefined && fetched.state === 'done'} />
        </div>
      )}
      <p className="readout" role="status">
        {under ? (
          <span className="mono">
            [{under.row}, {under.column}]{coordinateText(axes[y], under.row)}
            {coordinateText(axes[slice.x], under.column)} {enumName(under.value, dataset.type) ?? numberText(under.value, packing && !options.raw ? undefined : dataset.type)}
          </span>
        ) : (
          samples && (
            <span>
              {samples.exact
                ? `every element: ${count(samples.rows)} × ${count(samples.columns)}`
                : `${count(samples.rows)} × ${count(samples.columns)} samples of ${count(window[0][1] - window[0][0])} × ${count(window[1][1] - window[1][0])}`}
            </span>
          )
        )}
        <span className="faint">wheel zooms · drag a box · shift and drag moves · double click shows all</span>
      </p>
    </div>
  );
}

function useSamples(path: string, slice: { index: number[]; x: number; y?: number }, window: Window, packing: Packing | undefined) {
  const { engine } = useFile();
  return useAsync(
    async (signal): Promise<Samples> => {
      // While somebody turns the wheel, only where it stops is asked for.
      await new Promise((done) => setTimeout(done, 40));
      signal.throwIfAborted();
      const got = await engine.overview(
        path,
        { axes: [slice.y!, slice.x], index: slice.index, window: window.flat(), rows: 720, columns: 1024 },
        { signal },
      );
      return { ...samplesOf(got, packing), window, of: `${slice.index.join()} ${slice.x} ${slice.y} ${packing !== undefined}` };
    },
    [engine, path, slice.index.join(), slice.x, slice.y, window.flat().join(), packing !== undefined],
    true,
  );
}

function samplesOf(got: Overview, packing: Packing | undefined): Omit<Samples, 'window' | 'of'> {
  const { array } = got;
  const values =
    array instanceof Float64Array || array instanceof Float32Array ? array : Float64Array.from(array as ArrayLike<number | bigint>, Number);
  return { values: unpack(values, packing), rows: got.rows, columns: got.columns, rowIndex: got.rowIndex, columnIndex: got.columnIndex, exact: got.exact };
}

interface Options {
  map: ColorMap;
  inverted: boolean;
  scale: ScaleName;
  clip: number;
  aspect: 'fill' | 'equal';
  /** As stored, and not as a packing means it. */
  raw: boolean;
}

function optionsOf(more: Readonly<Record<string, string>>): Options {
  return {
    map: COLOR_MAPS.find((name) => name === more.map) ?? 'Viridis',
    inverted: more.inv === '1',
    scale: more.scale === 'log' || more.scale === 'symlog' ? more.scale : 'linear',
    clip: Math.max(0, Math.min(20, Number(more.clip) || 0)),
    aspect: more.aspect === 'equal' ? 'equal' : 'fill',
    raw: more.raw === '1',
  };
}

/** Of the whole slice, once it was seen, so that colours keep their meaning while one zooms. */
function useDomain(samples: Samples | undefined, { clip, scale }: Options, whole: { current: { key: string; domain: Domain } | undefined }): Domain {
  return useMemo(() => {
    if (!samples) return [0, 1] as Domain;
    const key = `${samples.of} ${clip} ${scale}`;
    if (whole.current?.key === key) return whole.current.domain;
    const values = scale === 'log' ? samples.values.filter((v) => v > 0) : samples.values;
    const domain = domainOf(values, clip / 100);
    whole.current = { key, domain };
    return domain;
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [samples, clip, scale]);
}

function toCanvas(image: ImageData): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  return canvas;
}

/** The samples of one window where they belong in another: what was there moves at once, sharper ones follow. */
function paintImage(c: CanvasRenderingContext2D, area: Area, image: HTMLCanvasElement, from: Window, to: Window): void {
  const x = (column: number) => area.x + ((column - to[1][0]) / (to[1][1] - to[1][0])) * area.width;
  const y = (row: number) => area.y + ((row - to[0][0]) / (to[0][1] - to[0][0])) * area.height;
  c.save();
  c.beginPath();
  c.rect(area.x, area.y, area.width, area.height);
  c.clip();
  c.imageSmoothingEnabled = false;
  c.drawImage(image, x(from[1][0]), y(from[0][0]), x(from[1][1]) - x(from[1][0]), y(from[0][1]) - y(from[0][0]));
  c.restore();
}

function nearest(samples: Samples, row: number, column: number): { row: number; column: number; value: number } {
  const [rows, columns] = samples.window;
  const r = Math.max(0, Math.min(samples.rows - 1, Math.floor(((row - rows[0]) / (rows[1] - rows[0])) * samples.rows)));
  const k = Math.max(0, Math.min(samples.columns - 1, Math.floor(((column - columns[0]) / (columns[1] - columns[0])) * samples.columns)));
  return { row: samples.rowIndex[r], column: samples.columnIndex[k], value: samples.values[r * samples.columns + k] };
}

export function zoomed([from, to]: [number, number], at: number, factor: number, [low, high]: [number, number]): [number, number] {
  const size = Math.max(1, Math.min(high - low, (to - from) * factor));
  const share = Math.max(0, Math.min(1, (at - from) / (to - from)));
  const start = Math.max(low, Math.min(high - size, at - share * size));
  return [Math.floor(start), Math.max(Math.floor(start) + 1, Math.ceil(start + size - 1e-9))];
}

type At = (event: { clientX: number; clientY: number; currentTarget: Element }) => { row: number; column: number; px: number; py: number };

/** A dragged box zooms; with shift, the window moves. */
function useDrag(at: At, window: Window, bounds: Window, setWindow: (w: Window) => void, setBox: (box: [number, number, number, number] | undefined) => void) {
  const start = useRef<{ row: number; column: number; px: number; py: number; window: Window; moves: boolean }>(undefined);
  const order = (a: number, b: number, [low, high]: [number, number]): [number, number] => {
    const from = Math.max(low, Math.min(high - 1, Math.floor(Math.min(a, b))));
    return [from, Math.max(from + 1, Math.min(high, Math.ceil(Math.max(a, b))))];
  };
  const moved = ([from, to]: [number, number], by: number, [low, high]: [number, number]): [number, number] => {
    const shift = Math.max(low - from, Math.min(high - to, Math.round(by)));
    return [from + shift, to + shift];
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      start.current = { ...at(event), window, moves: event.shiftKey || event.pointerType === 'touch' };
    },
    onPointerMove: (event: PointerEvent) => {
      const begun = start.current;
      if (!begun) return;
      const now = at(event);
      if (!begun.moves) return setBox([begun.px, begun.py, now.px, now.py]);
      const rows = begun.row - now.row;
      const columns = begun.column - now.column;
      setWindow([moved(window[0], rows, bounds[0]), moved(window[1], columns, bounds[1])]);
    },
    onPointerUp: (event: PointerEvent) => {
      const begun = start.current;
      start.current = undefined;
      setBox(undefined);
      if (!begun || begun.moves) return;
      const now = at(event);
      if (Math.abs(now.px - begun.px) < 5 || Math.abs(now.py - begun.py) < 5) return;
      setWindow([order(begun.row, now.row, bounds[0]), order(begun.column, now.column, bounds[1])]);
    },
  };
}

/** Between what is stored and what scale_factor, add_offset and the fill value make of it. */
export function RawButton({ raw }: { raw: boolean }) {
  return (
    <button aria-pressed={raw} title="The stored numbers, without scale_factor, add_offset and fill value" onClick={() => note({ raw: raw ? undefined : '1' })}>
      As stored
    </button>
  );
}

function Toolbar({ options, isPacked, zoomedIn, onReset }: { options: Options; isPacked: boolean; zoomedIn: boolean; onReset: () => void }) {
  return (
    <div className="toolbar">
      <label>
        Colours
        <select value={options.map} onChange={(e) => note({ map: e.target.value === 'Viridis' ? undefined : e.target.value })}>
          {COLOR_MAPS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button aria-pressed={options.inverted} onClick={() => note({ inv: options.inverted ? undefined : '1' })}>
        Invert
      </button>
      <label>
        Scale
        <select value={options.scale} onChange={(e) => note({ scale: e.target.value === 'linear' ? undefined : e.target.value })}>
          <option value="linear">linear</option>
          <option value="log">log</option>
          <option value="symlog">symlog</option>
        </select>
      </label>
      <label>
        Clip
        <select value={String(options.clip)} onChange={(e) => note({ clip: e.target.value === '0' ? undefined : e.target.value })}>
          <option value="0">nothing</option>
          <option value="0.1">0.1 %</option>
          <option value="1">1 %</option>
          <option value="5">5 %</option>
        </select>
      </label>
      <button aria-pressed={options.aspect === 'equal'} onClick={() => note({ aspect: options.aspect === 'equal' ? undefined : 'equal' })}>
        Square pixels
      </button>
      {isPacked && <RawButton raw={options.raw} />}
      <button disabled={!zoomedIn} onClick={onReset}>
        Show all
      </button>
    </div>
  );
}
