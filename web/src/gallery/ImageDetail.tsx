// One image, large: values under the pointer, histogram, the numbers.

import { useEffect, useRef, useState, type MouseEvent } from 'react';
import { canvasBlob, useOfferPicture } from '../export/offer';
import { fileName, save } from '../export/save';
import { numberText, shortNumber } from '../model/valueText';
import { Icon } from '../ui/icons';
import { Failure } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { extent, histogram, type ImageSource, type Pixels } from './images';
import './gallery.css';

const INKS = ['#e5484d', '#30a46c', '#3b82f6'];

export function ImageDetail({ source, row, caption }: { source: ImageSource; row: number; caption: string }) {
  const got = useAsync((signal) => source.pixels(row, signal), [source, row], true);
  const [under, setUnder] = useState<{ x: number; y: number }>();
  const pixels = got.value;
  const path = source.set.kind === 'gallery' ? source.set.paths![row] : source.set.path;
  const name = (suffix: string) => fileName(path, source.set.kind === 'gallery' ? '' : String(row), suffix);

  if (got.state === 'failed') return <Failure error={got.error} />;
  return (
    <div className="image-detail">
      <PixelCanvas source={source} pixels={pixels} label={caption || path} onLook={setUnder} under={under} />
      <p className="readout-line mono">{pixels ? readout(pixels, under) : ' '}</p>
      {pixels && <Histogram source={source} pixels={pixels} />}
      {pixels && <PixelFacts pixels={pixels} />}
      <div className="detail-actions">
        <button className="secondary" disabled={!pixels} onClick={() => pixels && void pngOf(source, pixels).then((blob) => save(blob, name('png')))}>
          <Icon name="export" /> PNG
        </button>
        {source.isEncoded && (
          <button
            className="secondary"
            onClick={() => void source.encoded(row).then(({ bytes, mime }) => save(new Blob([bytes as BlobPart]), name(mime.split('/')[1] ?? 'bin')))}
          >
            <Icon name="export" /> Stored file
          </button>
        )}
      </div>
      {source.set.kind === 'gallery' && source.set.count === 1 && pixels && <OfferPixels source={source} pixels={pixels} />}
    </div>
  );
}

function OfferPixels({ source, pixels }: { source: ImageSource; pixels: Pixels }) {
  useOfferPicture(() => pngOf(source, pixels));
  return null;
}

export function pngOf(source: ImageSource, pixels: Pixels): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext('2d')!.putImageData(source.imageData(pixels), 0, 0);
  return canvasBlob(canvas);
}

export function readout(pixels: Pixels, at: { x: number; y: number } | undefined): string {
  if (!at) return `${pixels.width} × ${pixels.height}${pixels.channels > 1 ? `, ${pixels.channels} channels` : ''}`;
  const place = (at.y * pixels.width + at.x) * pixels.channels;
  const values = Array.from({ length: pixels.channels }, (_, c) => numberText(Number(pixels.data[place + c]), pixels.type));
  return `[${at.y}, ${at.x}] ${values.join(' ')}`;
}

interface PixelCanvasProps {
  source: ImageSource;
  pixels: Pixels | undefined;
  label: string;
  under?: { x: number; y: number };
  onLook: (at: { x: number; y: number } | undefined) => void;
}

export function PixelCanvas({ source, pixels, label, under, onLook }: PixelCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element || !pixels) return;
    element.width = pixels.width;
    element.height = pixels.height;
    element.getContext('2d')!.putImageData(source.imageData(pixels), 0, 0);
  }, [source, pixels]);
  const look = (event: MouseEvent) => {
    if (!pixels) return;
    const box = event.currentTarget.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * pixels.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * pixels.height);
    onLook(x >= 0 && y >= 0 && x < pixels.width && y < pixels.height ? { x, y } : undefined);
  };
  const { width, height } = pixels ?? source.set;
  const ratio = width > 0 && height > 0 ? width / height : 1;
  return (
    <div className="pixel-box" style={{ aspectRatio: String(ratio), maxWidth: `calc(62vh * ${ratio})` }}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        style={{ imageRendering: width <= 400 ? 'pixelated' : 'auto' }}
        onMouseMove={look}
        onMouseLeave={() => onLook(undefined)}
        data-painted={pixels !== undefined}
      />
      {under && pixels && pixels.width <= 400 && (
        <i
          className="pixel-mark"
          style={{
            left: `${(100 * under.x) / pixels.width}%`,
            top: `${(100 * under.y) / pixels.height}%`,
            width: `${100 / pixels.width}%`,
            height: `${100 / pixels.height}%`,
          }}
        />
      )}
    </div>
  );
}

function Histogram({ source, pixels }: { source: ImageSource; pixels: Pixels }) {
  const range = source.rangeFor(pixels);
  const bins = histogram(pixels, range);
  const most = Math.max(1, ...bins.flat());
  // The square root: a black background must not flatten the rest.
  const height = (n: number) => Math.sqrt(n / most) * 60;
  return (
    <figure className="histogram">
      <svg viewBox="0 0 256 62" preserveAspectRatio="none" role="img" aria-label="Histogram of the values">
        {bins.map((channel, c) => (
          <path
            key={c}
            d={`M0 62 ${channel.map((n, i) => `L${i * 4} ${62 - height(n)} L${i * 4 + 4} ${62 - height(n)}`).join(' ')} L256 62 Z`}
            fill={bins.length === 1 ? 'var(--soft)' : INKS[c]}
          />
        ))}
      </svg>
      <figcaption>
        <span>{shortNumber(range.low)}</span>
        <span>{shortNumber(range.high)}</span>
      </figcaption>
    </figure>
  );
}

function PixelFacts({ pixels }: { pixels: Pixels }) {
  const { low, high } = extent(pixels.data);
  let sum = 0;
  for (let i = 0; i < pixels.data.length; i++) sum += Number(pixels.data[i]);
  const facts: [string, string][] = [
    ['smallest', shortNumber(low)],
    ['largest', shortNumber(high)],
    ['mean', shortNumber(sum / pixels.data.length)],
  ];
  return (
    <dl className="pixel-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
