// An image set in numbers: what goes into training code, and what should not be in the set.

import { useEffect, useMemo, useReducer, useRef, useState } from 'react';
import { goTo } from '../app/address';
import { useFile } from '../app/context';
import { count, plural } from '../app/text';
import type { ViewProps } from '../app/views';
import type { ImageSet, ImageStatistics } from '../engine/types';
import { copyText } from '../export/save';
import { canvasBlob, useOfferPicture } from '../export/offer';
import { shortNumber } from '../model/valueText';
import { Icon } from '../ui/icons';
import { Failure } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { ImageSource, rangeOf } from './images';
import { readLabels } from './labels';
import './gallery.css';

export function Statistics({ set }: ViewProps) {
  return set ? <Numbers key={set.path} set={set} /> : null;
}

function Numbers({ set }: { set: ImageSet }) {
  const { engine } = useFile();
  const [done, setDone] = useState<[number, number]>([0, set.count]);
  const labels = useAsync((signal) => readLabels(engine, set, signal), [engine, set]).value;
  const statistics = useAsync(
    (signal) => engine.imageStatistics(set, { signal, onProgress: (at, total) => !signal.aborted && setDone([at, total]) }),
    [engine, set],
  );
  const source = useMemo(() => new ImageSource(engine, set), [engine, set]);
  const result = statistics.value;
  return (
    <div className="statistics">
      {labels && (
        <section className="card">
          <h2>Classes</h2>
          <Balance names={labels.names} counts={labels.counts} path={set.path} />
        </section>
      )}
      {statistics.state === 'failed' ? (
        <Failure error={statistics.error} />
      ) : !result ? (
        <section className="card">
          <h2>Reading every image</h2>
          <progress max={done[1]} value={done[0]} />
          <p className="faint">
            {count(done[0])} of {count(done[1])}
          </p>
        </section>
      ) : (
        <Result set={set} result={result} source={source} />
      )}
    </div>
  );
}

function Balance({ names, counts, path }: { names: string[]; counts: number[]; path: string }) {
  const most = Math.max(1, ...counts);
  const least = Math.min(...counts);
  return (
    <>
      <p className="faint">
        {plural(names.length, 'class', 'classes')}; the largest has {least > 0 ? `${Number((most / least).toPrecision(2))} times as many images as the smallest` : 'images, the smallest none'}
      </p>
      <div className="balance">
        {names.slice(0, 200).map((name, i) => (
          <button key={i} onClick={() => goTo(path, 'gallery', { class: name })} title={`Show ${name}`}>
            <span>{name}</span>
            <i>
              <b style={{ width: `${(100 * counts[i]) / most}%` }} />
            </i>
            <small>{count(counts[i])}</small>
          </button>
        ))}
      </div>
    </>
  );
}

function Result({ set, result, source }: { set: ImageSet; result: ImageStatistics; source: ImageSource }) {
  return (
    <>
      <section className="card">
        <h2>Channels</h2>
        <Channels result={result} />
      </section>
      {result.meanImage && (
        <section className="card">
          <h2>Mean image</h2>
          <MeanImage result={result} />
        </section>
      )}
      <section className="card">
        <h2>Images to look at</h2>
        <Odd set={set} source={source} title={plural(result.constant.length, 'constant image')} rows={result.constant} none="No image is of one colour." />
        <Odd
          set={set}
          source={source}
          title={`${plural(result.duplicates.length, 'group')} of images with the same pixels`}
          rows={result.duplicates.flat()}
          groups={result.duplicates}
          none="No two images have the same pixels."
        />
        {result.failed.length > 0 && (
          <>
            <h3>{plural(result.failed.length, 'image')} could not be read</h3>
            <ul className="failed-rows">
              {result.failed.slice(0, 50).map(({ row, error }) => (
                <li key={row}>
                  <b>{row}</b> {error.text}
                </li>
              ))}
            </ul>
          </>
        )}
      </section>
    </>
  );
}

function Channels({ result }: { result: ImageStatistics }) {
  // Training code has values from 0 to 1.
  const scale = result.max.every((v) => v <= 1) ? 1 : result.max.every((v) => v <= 255) ? 255 : Math.max(...result.max);
  const list = (values: number[]) => `[${values.map((v) => (v / scale).toFixed(4)).join(', ')}]`;
  const line = `transforms.Normalize(mean=${list(result.mean)}, std=${list(result.std)})`;
  const [copied, setCopied] = useState(false);
  return (
    <>
      <table className="numbers">
        <thead>
          <tr>
            <th>channel</th>
            <th>mean</th>
            <th>std</th>
            <th>smallest</th>
            <th>largest</th>
          </tr>
        </thead>
        <tbody>
          {result.mean.map((mean, c) => (
            <tr key={c}>
              <td>{result.mean.length >= 3 ? ['red', 'green', 'blue', 'alpha'][c] : c === 0 ? 'grey' : 'alpha'}</td>
              <td>{shortNumber(mean)}</td>
              <td>{shortNumber(result.std[c])}</td>
              <td>{shortNumber(result.min[c])}</td>
              <td>{shortNumber(result.max[c])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="faint">
        over {plural(result.images, 'image')}; for training code{scale !== 1 && `, with values divided by ${shortNumber(scale)}`}:
      </p>
      <div className="code-line">
        <code>{line}</code>
        <button
          className="secondary"
          onClick={() => {
            void copyText(line).then(() => setCopied(true));
          }}
        >
          <Icon name={copied ? 'check' : 'copy'} /> {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
    </>
  );
}

function MeanImage({ result }: { result: ImageStatistics }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, channels, meanImage } = result;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !meanImage) return;
    const range = rangeOf(Float32Array.from([...result.min, ...result.max]), { class: 'float', text: 'float32', size: 4, order: 'little' });
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        const v = meanImage[i * channels + (channels >= 3 ? c : 0)];
        image.data[i * 4 + c] = ((v - range.low) / (range.high - range.low)) * 255;
      }
      image.data[i * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [result, meanImage, width, height, channels]);
  useOfferPicture(() => canvasBlob(canvas.current!));
  return (
    <div className="pixel-box" style={{ aspectRatio: `${width} / ${height}`, width: 220 }}>
      <canvas ref={canvas} width={width} height={height} role="img" aria-label="Mean of all images" style={{ imageRendering: width < 200 ? 'pixelated' : 'auto' }} />
    </div>
  );
}

interface OddProps {
  set: ImageSet;
  source: ImageSource;
  title: string;
  rows: number[];
  groups?: number[][];
  none: string;
}

function Odd({ set, source, title, rows, groups, none }: OddProps) {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const shown = useMemo(() => rows.slice(0, 60), [rows]);
  useEffect(() => {
    const stop = new AbortController();
    void source.want(shown, stop.signal, redraw).catch(() => undefined);
    return () => stop.abort();
  }, [source, shown]);
  if (rows.length === 0) return <p className="fine"><Icon name="check" /> {none}</p>;
  const lists = groups ? groups.slice(0, 20) : [shown];
  return (
    <>
      <h3>{title}</h3>
      <div className="odd-rows">
        {lists.map((list, i) => (
          <div key={i} className={groups ? 'odd-group' : undefined}>
            {list.slice(0, 12).map((row) => (
              <button key={row} onClick={() => goTo(set.path, 'gallery', { row: String(row) })} title={`Image ${row}`}>
                <Thumb bitmap={source.bitmap(row)} />
                {row}
              </button>
            ))}
          </div>
        ))}
      </div>
    </>
  );
}

function Thumb({ bitmap }: { bitmap: ImageBitmap | Error | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current || !bitmap || bitmap instanceof Error) return;
    canvas.current.width = bitmap.width;
    canvas.current.height = bitmap.height;
    canvas.current.getContext('2d')!.drawImage(bitmap, 0, 0);
  }, [bitmap]);
  return <canvas ref={canvas} width={1} height={1} />;
}
