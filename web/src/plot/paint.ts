// Painting on a canvas: the frame with its axes, a heat map, a curve. The same functions paint the screen and the PNG.

import { shortNumber } from '../model/valueText';
import type { Domain, Scale } from './scale';

export interface Ink {
  ground: string;
  text: string;
  soft: string;
  line: string;
  accent: string;
}

export const PAPER: Ink = { ground: '#ffffff', text: '#14191f', soft: '#55606c', line: '#d5dae0', accent: '#0f766e' };

/** The colours of the page as it is. */
export function screenInk(element: Element): Ink {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return { ground: of('--surface'), text: of('--text'), soft: of('--soft'), line: of('--line'), accent: of('--accent') };
}

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif';

/** Where the data goes, with room for axes, title and colour bar. */
export function areaOf(width: number, height: number, options: { title?: boolean; bar?: boolean } = {}): Area {
  const left = 66;
  const top = options.title ? 40 : 14;
  const right = options.bar ? 92 : 20;
  const bottom = 44;
  return { x: left, y: top, width: Math.max(10, width - left - right), height: Math.max(10, height - top - bottom) };
}

/** The largest area of a given width to height, in the middle of another. */
export function fitAspect(area: Area, ratio: number): Area {
  const width = Math.min(area.width, area.height * ratio);
  const height = width / ratio;
  return { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
}

export function clear(c: CanvasRenderingContext2D, width: number, height: number, ink: Ink): void {
  c.fillStyle = ink.ground;
  c.fillRect(0, 0, width, height);
  c.font = FONT;
}

export interface Axis {
  domain: Domain;
  label?: string;
  scale?: Scale;
  /** Row 0 is at the top. */
  downward?: boolean;
  grid?: boolean;
}

export function paintAxes(c: CanvasRenderingContext2D, area: Area, x: Axis, y: Axis, ink: Ink, title?: string): void {
  c.font = FONT;
  c.lineWidth = 1;
  c.fillStyle = ink.soft;
  c.textBaseline = 'top';
  c.textAlign = 'center';
  for (const { value, place } of ticksOf(x, Math.max(2, area.width / 90))) {
    const at = area.x + place * area.width;
    tick(c, ink, at, area.y + area.height, at, area.y + area.height + 5);
    if (x.grid) tick(c, ink, at, area.y, at, area.y + area.height);
    c.fillText(shortNumber(value), at, area.y + area.height + 8);
  }
  c.textAlign = 'right';
  c.textBaseline = 'middle';
  for (const { value, place } of ticksOf(y, Math.max(2, area.height / 56))) {
    const at = area.y + (y.downward ? place : 1 - place) * area.height;
    tick(c, ink, area.x - 5, at, area.x, at);
    if (y.grid) tick(c, ink, area.x, at, area.x + area.width, at);
    c.fillText(shortNumber(value), area.x - 8, at);
  }
  c.strokeStyle = ink.line;
  c.strokeRect(Math.round(area.x) - 0.5, Math.round(area.y) - 0.5, Math.round(area.width) + 1, Math.round(area.height) + 1);
  c.fillStyle = ink.soft;
  c.textAlign = 'center';
  c.textBaseline = 'alphabetic';
  if (x.label) c.fillText(x.label, area.x + area.width / 2, area.y + area.height + 38, area.width);
  if (y.label) {
    c.save();
    c.translate(14, area.y + area.height / 2);
    c.rotate(-Math.PI / 2);
    c.fillText(y.label, 0, 0, area.height);
    c.restore();
  }
  if (title) {
    c.fillStyle = ink.text;
    c.font = `600 ${FONT.replace('12px', '14px')}`;
    c.fillText(title, area.x + area.width / 2, area.y - 16, area.width + 60);
    c.font = FONT;
  }
}

function tick(c: CanvasRenderingContext2D, ink: Ink, x0: number, y0: number, x1: number, y1: number): void {
  c.strokeStyle = ink.line;
  c.beginPath();
  c.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  c.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  c.stroke();
}

function ticksOf(axis: Axis, wanted: number): { value: number; place: number }[] {
  const [low, high] = axis.domain;
  const place = axis.scale?.place ?? ((value: number) => (value - low) / (high - low || 1));
  const values = axis.scale ? axis.scale.ticks(wanted) : niceFor(axis.domain, wanted);
  return values.map((value) => ({ value, place: place(value) })).filter((t) => t.place >= -1e-6 && t.place <= 1 + 1e-6);
}

function niceFor([low, high]: Domain, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  // Indices are whole numbers: no ticks between them.
  const step = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
  return ticks;
}

/** Values as colours. What is not a number stays transparent. */
export function heatImage(values: ArrayLike<number>, columns: number, rows: number, scale: Scale, table: Uint8ClampedArray): ImageData {
  const image = new ImageData(columns, rows);
  const out = image.data;
  for (let i = 0; i < rows * columns; i++) {
    const place = scale.place(values[i]);
    if (!(place === place)) continue;
    const color = Math.max(0, Math.min(255, Math.round(place * 255))) * 3;
    out[i * 4] = table[color];
    out[i * 4 + 1] = table[color + 1];
    out[i * 4 + 2] = table[color + 2];
    out[i * 4 + 3] = 255;
  }
  return image;
}

export function paintColorBar(c: CanvasRenderingContext2D, area: Area, domain: Domain, scale: Scale, table: Uint8ClampedArray, ink: Ink, label?: string): void {
  const x = area.x + area.width + 16;
  const width = 12;
  for (let i = 0; i < area.height; i++) {
    const color = Math.round((1 - i / area.height) * 255) * 3;
    c.fillStyle = `rgb(${table[color]} ${table[color + 1]} ${table[color + 2]})`;
    c.fillRect(x, area.y + i, width, 1.5);
  }
  c.font = FONT;
  c.fillStyle = ink.soft;
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  for (const value of scale.ticks(Math.max(2, area.height / 56))) {
    const place = scale.place(value);
    if (place < -1e-6 || place > 1 + 1e-6 || value < domain[0] - 1e300 || !Number.isFinite(place)) continue;
    const y = area.y + (1 - place) * area.height;
    tick(c, ink, x + width, y, x + width + 4, y);
    c.fillText(shortNumber(value), x + width + 7, y);
  }
  if (label) {
    c.textAlign = 'right';
    c.textBaseline = 'alphabetic';
    c.fillText(label, x + width + 56, area.y - 3, 80);
  }
}

/** A curve through points; where many share a pixel, from the lowest to the highest of them. */
export function paintCurve(
  c: CanvasRenderingContext2D,
  area: Area,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  xDomain: Domain,
  yScale: Scale,
  ink: Ink,
): void {
  c.save();
  c.beginPath();
  c.rect(area.x, area.y, area.width, area.height);
  c.clip();
  c.strokeStyle = ink.accent;
  c.fillStyle = ink.accent;
  c.lineWidth = 1.4;
  c.lineJoin = 'round';
  const dense = ys.length > area.width * 3;
  const px = (value: number) => area.x + ((value - xDomain[0]) / (xDomain[1] - xDomain[0] || 1)) * area.width;
  const py = (value: number) => area.y + (1 - yScale.place(value)) * area.height;
  c.beginPath();
  if (dense) strokeDense(c, xs, ys, px, py);
  else strokePoints(c, xs, ys, px, py);
  c.stroke();
  if (ys.length < area.width / 12) {
    for (let i = 0; i < ys.length; i++) {
      c.beginPath();
      c.arc(px(xs[i]), py(ys[i]), 2.6, 0, 2 * Math.PI);
      c.fill();
    }
  }
  c.restore();
}

type Place = (value: number) => number;

function strokePoints(c: CanvasRenderingContext2D, xs: ArrayLike<number>, ys: ArrayLike<number>, px: Place, py: Place): void {
  let pen = false;
  for (let i = 0; i < ys.length; i++) {
    const y = py(ys[i]);
    if (!Number.isFinite(y)) {
      pen = false; // a gap where there is no number
    } else if (pen) {
      c.lineTo(px(xs[i]), y);
    } else {
      c.moveTo(px(xs[i]), y);
      pen = true;
    }
  }
}

function strokeDense(c: CanvasRenderingContext2D, xs: ArrayLike<number>, ys: ArrayLike<number>, px: Place, py: Place): void {
  let column = NaN;
  let top = Infinity;
  let bottom = -Infinity;
  let last = NaN;
  const flush = () => {
    if (bottom === -Infinity) return;
    if (Number.isFinite(last)) c.lineTo(column, (top + bottom) / 2);
    c.moveTo(column, top);
    c.lineTo(column, bottom + 0.5);
    last = (top + bottom) / 2;
  };
  for (let i = 0; i < ys.length; i++) {
    const x = Math.round(px(xs[i]));
    if (x !== column) {
      flush();
      column = x;
      top = Infinity;
      bottom = -Infinity;
    }
    const y = py(ys[i]);
    if (!Number.isFinite(y)) continue;
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  flush();
}
