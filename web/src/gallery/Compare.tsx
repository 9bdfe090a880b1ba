// Two images side by side, the same pixel marked in both, and what differs.

import { useEffect, useMemo, useRef, useState } from 'react';
import { shortNumber } from '../model/valueText';
import { Failure } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { PixelCanvas, readout } from './ImageDetail';
import type { ImageSource, Pixels } from './images';

export function Compare({ source, rows, captions }: { source: ImageSource; rows: [number, number]; captions: [string, string] }) {
  const got = useAsync((signal) => Promise.all(rows.map((row) => source.pixels(row, signal))), [source, ...rows], true);
  const [under, setUnder] = useState<{ x: number; y: number }>();
  if (got.state === 'failed') return <Failure error={got.error} />;
  const pair = got.value;
  return (
    <div className="compare">
      {[0, 1].map((i) => (
        <figure key={i}>
          <figcaption>{captions[i]}</figcaption>
          <PixelCanvas source={source} pixels={pair?.[i]} label={captions[i]} under={under} onLook={setUnder} />
          <p className="readout-line mono">{pair ? readout(pair[i], within(pair[i], under)) : ' '}</p>
        </figure>
      ))}
      {pair && <Difference pair={[pair[0], pair[1]]} />}
    </div>
  );
}

function within(pixels: Pixels, at: { x: number; y: number } | undefined) {
  return at && at.x < pixels.width && at.y < pixels.height ? at : undefined;
}

function Difference({ pair: [a, b] }: { pair: [Pixels, Pixels] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const alike = a.width === b.width && a.height === b.height && a.channels === b.channels;
  const result = useMemo(() => (alike ? difference(a, b) : undefined), [a, b, alike]);
  useEffect(() => {
    if (!result || !canvas.current) return;
    canvas.current.width = a.width;
    canvas.current.height = a.height;
    canvas.current.getContext('2d')!.putImageData(result.image, 0, 0);
  }, [result, a]);
  if (!result) return <p className="faint">They differ in size: no difference is drawn.</p>;
  return (
    <figure>
      <figcaption>Difference{result.largest === 0 && ': none, the pixels are the same'}</figcaption>
      <div className="pixel-box" style={{ aspectRatio: `${a.width} / ${a.height}` }}>
        <canvas ref={canvas} role="img" aria-label="Difference of the two" style={{ imageRendering: a.width <= 400 ? 'pixelated' : 'auto' }} />
      </div>
      <p className="readout-line mono">
        mean {shortNumber(result.mean)}, largest {shortNumber(result.largest)}, {shortNumber(result.changed * 100)} % differ
      </p>
    </figure>
  );
}

/** Of equal sizes: the absolute difference, brightest where it is largest. */
function difference(a: Pixels, b: Pixels): { image: ImageData; mean: number; largest: number; changed: number } {
  const pixels = a.width * a.height;
  const each = new Float64Array(pixels);
  let sum = 0;
  let largest = 0;
  let changed = 0;
  for (let i = 0; i < pixels; i++) {
    let most = 0;
    for (let c = 0; c < a.channels; c++) {
      const d = Math.abs(Number(a.data[i * a.channels + c]) - Number(b.data[i * a.channels + c]));
      sum += d;
      most = Math.max(most, d);
    }
    each[i] = most;
    if (most > 0) changed++;
    largest = Math.max(largest, most);
  }
  const image = new ImageData(a.width, a.height);
  for (let i = 0; i < pixels; i++) {
    const v = largest > 0 ? (each[i] / largest) * 255 : 0;
    image.data.set([v, v * 0.85, v * 0.55, 255], i * 4);
  }
  return { image, mean: sum / a.data.length, largest, changed: changed / pixels };
}
