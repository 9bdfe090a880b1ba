// A window onto rows of one height, as many as there may be. Browsers end elements at some 16 million pixels; above
// `TALLEST` the scroll bar shows the place in proportion, and the wheel still moves by rows.

import { useCallback, useLayoutEffect, useRef, useState } from 'react';

const TALLEST = 8_000_000;

export interface RowWindow {
  /** The `ref` of the element that scrolls; it may come later than the component, and go. */
  box: (element: HTMLDivElement | null) => void;
  element: HTMLDivElement | null;
  /** First row that is seen, and the first that is not, with a few more on both sides. */
  first: number;
  last: number;
  /** Height of what is scrolled, in pixels. */
  height: number;
  /** Where a row is drawn, in pixels from the top of what is scrolled. */
  topOf: (row: number) => number;
  /** Rows that fit. */
  page: number;
  width: number;
  viewHeight: number;
  /** The row at the top edge, with its fraction. */
  top: number;
  /** Makes a row visible; `start` puts it at the top. */
  show: (row: number, where?: 'near' | 'start') => void;
}

export function useRows(rows: number, rowHeight: number, spare = 6, headHeight = 0): RowWindow {
  const [element, box] = useState<HTMLDivElement | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [top, setTop] = useState(0);
  const ours = useRef(-1);

  const full = rows * rowHeight;
  const height = Math.min(full, TALLEST);
  const viewHeight = Math.max(0, size.height - headHeight);
  const scaled = full > TALLEST;
  const maxTop = Math.max(0, rows - viewHeight / rowHeight);
  const maxScroll = Math.max(1, height - viewHeight);

  useLayoutEffect(() => {
    if (!element) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);

  const move = useCallback(
    (next: number) => {
      if (!element) return;
      const clamped = Math.max(0, Math.min(maxTop, next));
      const scroll = scaled ? (clamped / Math.max(1, maxTop)) * maxScroll : clamped * rowHeight;
      ours.current = Math.round(scroll);
      element.scrollTop = scroll;
      setTop(clamped);
    },
    [element, maxTop, maxScroll, rowHeight, scaled],
  );

  useLayoutEffect(() => {
    if (!element) return;
    const onScroll = () => {
      if (Math.abs(element.scrollTop - ours.current) <= 1) return;
      ours.current = -1;
      setTop(scaled ? (element.scrollTop / maxScroll) * maxTop : element.scrollTop / rowHeight);
    };
    const onWheel = (event: WheelEvent) => {
      if (!scaled || event.ctrlKey || event.deltaY === 0) return;
      event.preventDefault();
      setTop((now) => {
        const next = Math.max(0, Math.min(maxTop, now + event.deltaY / rowHeight));
        const scroll = (next / Math.max(1, maxTop)) * maxScroll;
        ours.current = Math.round(scroll);
        element.scrollTop = scroll;
        return next;
      });
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      element.removeEventListener('scroll', onScroll);
      element.removeEventListener('wheel', onWheel);
    };
  }, [element, maxScroll, maxTop, rowHeight, scaled]);

  const shown = Math.min(top, maxTop);
  const page = Math.max(1, Math.floor(viewHeight / rowHeight));
  const first = Math.max(0, Math.floor(shown) - spare);
  const last = Math.min(rows, Math.ceil(shown + viewHeight / rowHeight) + spare);
  // Where the window begins on the scrolled element; rows are placed from there.
  const base = scaled ? (shown / Math.max(1, maxTop)) * maxScroll - shown * rowHeight : 0;
  const topOf = (row: number) => base + row * rowHeight;

  const show = (row: number, where: 'near' | 'start' = 'near') => {
    if (where === 'start') move(row);
    else if (row < shown) move(row);
    else if (row + 1 > shown + viewHeight / rowHeight) move(row + 1 - viewHeight / rowHeight);
  };

  return { box, element, first, last, height, topOf, page, width: size.width, viewHeight, top: shown, show };
}
