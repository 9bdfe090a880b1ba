// One dimension as a curve. Up to a million elements are read as they are; of more, samples.

import { useMemo, useState, type MouseEvent, type WheelEvent } from 'react';
import { note, usePlace } from '../app/address';
import { useFile } from '../app/context';
import { count } from '../app/text';
import type { ViewProps } from '../app/views';
import { canvasBlob, useOfferPicture } from '../export/offer';
import { selectionOf, type Slice } from '../model/slice';
import { packingOf, unpack, type Packing } from '../model/packing';
import { enumName, numberText } from '../model/valueText';
import { areaOf, clear, PAPER, paintAxes, paintCurve, screenInk, type Ink } from '../plot/paint';
import { domainOf, makeScale, type ScaleName } from '../plot/scale';
import { paintOffScreen, useCanvas } from '../plot/useCanvas';
import { Failure } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { RawButton, zoomed } from './HeatMap';
import { Slicer } from './Slicer';
import { axisOf, coordinateText, unitOf, useAxes } from './useAxes';
import { formatWindow, parseWindow, useSlice } from './useSlice';

const WHOLE = 1_000_000;

interface Curve {
  xs: Float64Array;
  ys: Float64Array;
  exact: boolean;
}

export function Line({ object }: ViewProps) {
  const { file } = useFile();
  const { more } = usePlace();
  const dataset = object.dataset!;
  const shape = dataset.shape!;
  const [slice, setSlice] = useSlice(shape, 1);
  const axes = useAxes(object);
  const bounds: [number, number] = [0, shape[slice.x]];
  const [window] = parseWindow(more.win, [bounds]);
  const scaleName: ScaleName = more.scale === 'log' || more.scale === 'symlog' ? more.scale : 'linear';
  const packing = packingOf(object);
  const raw = more.raw === '1';
  const fetched = useCurve(object.path, slice, window, raw ? undefined : packing);
  const curve = fetched.value;
  const [under, setUnder] = useState<number>();

  const domain = useMemo(() => {
    const ys = curve?.ys ?? new Float64Array();
    const [low, high] = domainOf(scaleName === 'log' ? ys.filter((v) => v > 0) : ys);
    const room = scaleName === 'log' ? 0 : (high - low) * 0.04;
    return [low - room, high + room] as [number, number];
  }, [curve, scaleName]);
  const scale = useMemo(() => makeScale(scaleName, domain), [scaleName, domain]);

  const xDomain: [number, number] = window[1] - window[0] > 1 ? [window[0], window[1] - 1] : [window[0] - 0.5, window[0] + 0.5];
  const unit = raw && packing ? undefined : unitOf(object);
  const paint = (c: CanvasRenderingContext2D, width: number, height: number, ink: Ink, title?: string) => {
    clear(c, width, height, ink);
    const area = areaOf(width, height, { title: title !== undefined });
    const x = { ...axisOf(axes[slice.x], xDomain, shape.length > 1 ? `dimension ${slice.x}` : 'index'), grid: true };
    paintAxes(c, area, x, { domain, scale, label: unit, grid: true }, ink, title);
    if (curve) paintCurve(c, area, curve.xs, curve.ys, xDomain, scale, ink);
    return area;
  };
  const plot = useCanvas((c, width, height, canvas) => {
    const ink = screenInk(canvas);
    const area = paint(c, width, height, ink);
    if (under !== undefined && curve && curve.xs.length > 0) {
      const x = area.x + ((curve.xs[under] - xDomain[0]) / (xDomain[1] - xDomain[0] || 1)) * area.width;
      const y = area.y + (1 - scale.place(curve.ys[under])) * area.height;
      c.strokeStyle = ink.soft;
      c.beginPath();
      c.moveTo(x, area.y);
      c.lineTo(x, area.y + area.height);
      c.stroke();
      if (Number.isFinite(y)) {
        c.fillStyle = ink.accent;
        c.beginPath();
        c.arc(x, y, 4, 0, 2 * Math.PI);
        c.fill();
      }
    }
  });
  useOfferPicture(() => {
    const fixed = shape.length > 1 ? ` [${slice.index.map((i, a) => (a === slice.x ? ':' : i)).join(', ')}]` : '';
    return canvasBlob(paintOffScreen(1100, 620, (c, width, height) => void paint(c, width, height, PAPER, `${file.name} ${object.path}${fixed}`)));
  });

  const indexAt = (event: { clientX: number; currentTarget: Element }) => {
    const area = areaOf(plot.width, plot.height);
    const share = (event.clientX - event.currentTarget.getBoundingClientRect().left - area.x) / area.width;
    return xDomain[0] + Math.max(0, Math.min(1, share)) * (xDomain[1] - xDomain[0]);
  };
  const look = (event: MouseEvent) => {
    if (!curve || curve.xs.length === 0) return;
    const at = indexAt(event);
    const step = curve.xs.length > 1 ? (curve.xs[curve.xs.length - 1] - curve.xs[0]) / (curve.xs.length - 1) : 1;
    setUnder(Math.max(0, Math.min(curve.xs.length - 1, Math.round((at - curve.xs[0]) / (step || 1)))));
  };
  const zoom = (event: WheelEvent) => {
    const next = zoomed(window, indexAt(event), Math.exp(Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300)), bounds);
    note({ win: next[0] <= 0 && next[1] >= bounds[1] ? undefined : formatWindow([next]) });
  };

  return (
    <div className="plot-view">
      <Slicer shape={shape} slice={slice} axes={axes} onChange={setSlice} />
      <div className="toolbar">
        <label>
          Scale
          <select value={scaleName} onChange={(e) => note({ scale: e.target.value === 'linear' ? undefined : e.target.value })}>
            <option value="linear">linear</option>
            <option value="log">log</option>
            <option value="symlog">symlog</option>
          </select>
        </label>
        {packing && <RawButton raw={raw} />}
        <button disabled={more.win === undefined} onClick={() => note({ win: undefined })}>
          Show all
        </button>
      </div>
      {fetched.state === 'failed' ? (
        <Failure error={fetched.error} />
      ) : (
        <div
          className="plot-box"
          ref={plot.box}
          onWheel={zoom}
          onMouseMove={look}
          onMouseLeave={() => setUnder(undefined)}
          onDoubleClick={() => note({ win: undefined })}
        >
          <canvas ref={plot.canvas} role="img" aria-label={`Curve of ${object.path}`} data-painted={fetched.state === 'done'} />
        </div>
      )}
      <p className="readout" role="status">
        {under !== undefined && curve ? (
          <span className="mono">
            [{curve.xs[under]}]{coordinateText(axes[slice.x], curve.xs[under])} {enumName(curve.ys[under], dataset.type) ?? numberText(curve.ys[under], packing && !raw ? undefined : dataset.type)}
          </span>
        ) : (
          curve && <span>{curve.exact ? `every element: ${count(curve.ys.length)}` : `${count(curve.ys.length)} samples of ${count(window[1] - window[0])}`}</span>
        )}
        <span className="faint">wheel zooms · double click shows all</span>
      </p>
    </div>
  );
}

function useCurve(path: string, slice: Slice, [from, to]: [number, number], packing: Packing | undefined) {
  const { engine } = useFile();
  return useAsync(
    async (signal): Promise<Curve> => {
      await new Promise((done) => setTimeout(done, 40));
      signal.throwIfAborted();
      if (to - from <= WHOLE) {
        const got = await engine.read(path, selectionOf(slice, [from, to]), { signal });
        const ys = unpack(Float64Array.from(got.array as ArrayLike<number | bigint>, Number), packing);
        return { xs: Float64Array.from(ys, (_, i) => from + i), ys, exact: true };
      }
      const got = await engine.overview(path, { axes: [slice.x], index: slice.index, window: [from, to], columns: 4096 }, { signal });
      return { xs: got.columnIndex, ys: unpack(Float64Array.from(got.array as ArrayLike<number | bigint>, Number), packing), exact: got.exact };
    },
    [engine, path, slice.index.join(), slice.x, from, to, packing !== undefined],
    true,
  );
}
