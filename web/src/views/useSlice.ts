import { note, usePlace } from '../app/address';
import { formatSlice, parseSlice, type Slice } from '../model/slice';

/** The slice that the address names, and how to change it there. */
export function useSlice(shape: readonly number[], axes: 1 | 2): [Slice, (slice: Slice) => void] {
  const { more } = usePlace();
  return [parseSlice(more.at, shape, axes), (slice) => note({ at: formatSlice(slice), win: undefined })];
}

/** A window `a..b` or `a..b,c..d` that the address names, within bounds. */
export function parseWindow(text: string | undefined, bounds: [number, number][]): [number, number][] {
  const parts = text?.split(',') ?? [];
  return bounds.map(([low, high], i) => {
    const match = /^(\d+)\.\.(\d+)$/.exec(parts[i] ?? '');
    if (!match) return [low, high];
    const from = Math.max(low, Math.min(Number(match[1]), high - 1));
    return [from, Math.max(from + 1, Math.min(Number(match[2]), high))];
  });
}

export function formatWindow(window: [number, number][]): string {
  return window.map(([from, to]) => `${from}..${to}`).join(',');
}
