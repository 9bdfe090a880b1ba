// The contact sheet as one picture.

import type { Ink } from '../plot/paint';
import type { ImageSource } from './images';

export function paintSheet(
  source: ImageSource,
  rows: number[],
  caption: (row: number) => string,
  columns: number,
  size: number,
  ink: Ink,
  title: string,
): HTMLCanvasElement {
  const cell = size + 12;
  const height = size + 24;
  const canvas = document.createElement('canvas');
  const lines = Math.ceil(rows.length / columns);
  canvas.width = (columns * cell + 12) * 2;
  canvas.height = (lines * height + 48) * 2;
  const c = canvas.getContext('2d')!;
  c.scale(2, 2);
  c.fillStyle = ink.ground;
  c.fillRect(0, 0, canvas.width, canvas.height);
  c.fillStyle = ink.text;
  c.font = '600 14px system-ui, sans-serif';
  c.fillText(title, 12, 25, columns * cell);
  c.font = '10px system-ui, sans-serif';
  rows.forEach((row, i) => {
    const x = 12 + (i % columns) * cell;
    const y = 38 + Math.floor(i / columns) * height;
    const bitmap = source.bitmap(row);
    if (bitmap && !(bitmap instanceof Error)) {
      const factor = size / Math.max(bitmap.width, bitmap.height);
      const [w, h] = [bitmap.width * factor, bitmap.height * factor];
      c.imageSmoothingEnabled = factor < 1;
      c.drawImage(bitmap, x + (size - w) / 2, y + (size - h) / 2, w, h);
    } else {
      c.strokeStyle = ink.line;
      c.strokeRect(x, y, size, size);
    }
    c.fillStyle = ink.soft;
    c.fillText(caption(row), x, y + size + 12, size);
  });
  return canvas;
}
