import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** A canvas as large as its box, sharp on every screen; `paint` is called after each drawing of the component. */
export function useCanvas(paint: (c: CanvasRenderingContext2D, width: number, height: number, canvas: HTMLCanvasElement) => void): {
  box: (element: HTMLDivElement | null) => void;
  canvas: RefObject<HTMLCanvasElement>;
  width: number;
  height: number;
} {
  const [holder, box] = useState<HTMLDivElement | null>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });

  useLayoutEffect(() => {
    if (!holder) return;
    const measure = () => setSize({ width: holder.clientWidth, height: holder.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(holder);
    return () => observer.disconnect();
  }, [holder]);

  useLayoutEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || size.width === 0 || size.height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    if (element.width !== width || element.height !== height) {
      element.width = width;
      element.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(context, size.width, size.height, element);
  });

  return { box, canvas, ...size };
}

/** Paints once on a canvas of its own, twice as fine: the PNG. */
export function paintOffScreen(width: number, height: number, paint: (c: CanvasRenderingContext2D, width: number, height: number) => void): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width * 2;
  canvas.height = height * 2;
  const context = canvas.getContext('2d')!;
  context.scale(2, 2);
  paint(context, width, height);
  return canvas;
}
