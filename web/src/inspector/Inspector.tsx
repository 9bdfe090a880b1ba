// What is known about an object besides its elements: type, shape, storage, attributes, and where its bytes lie.

import { useState, type ReactNode } from 'react';
import { useFile, useObject } from '../app/context';
import { bytes, count, plural, shapeText } from '../app/text';
import type { AttributeInfo, DatasetInfo, ObjectInfo } from '../engine/types';
import { Icon } from '../ui/icons';
import { Waiting } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { TypeTree } from '../views/TypeView';
import { ValueLine } from '../views/ValueLine';
import { ChunkMapView } from './ChunkMapView';
import { Whereabouts } from './Whereabouts';
import './inspector.css';

export function Inspector({ path, onClose }: { path: string; onClose: () => void }) {
  const object = useObject(path);
  return (
    <aside className="inspector" aria-label="Inspector">
      <div className="inspector-head">
        <h2>{path === '/' ? 'Root group' : path.split('/').pop()}</h2>
        <button className="icon-button" onClick={onClose} aria-label="Close the inspector">
          <Icon name="close" />
        </button>
      </div>
      {object.state === 'failed' ? (
        <p className="section-body faint">Nothing is known about it but the way to it: {path}</p>
      ) : object.value ? (
        <Sections key={path} object={object.value} />
      ) : (
        <Waiting />
      )}
    </aside>
  );
}

function Sections({ object }: { object: ObjectInfo }) {
  const { dataset } = object;
  return (
    <>
      {dataset && <About dataset={dataset} />}
      <Attributes object={object} />
      {dataset && <StorageSection path={object.path} dataset={dataset} />}
      <HeaderSection object={object} />
      <Section title="Bytes in the file" closed>
        <Whereabouts path={object.path} />
      </Section>
    </>
  );
}

/** A section that is read only when it is opened. */
export function Section({ title, note, closed = false, children }: { title: string; note?: string; closed?: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(!closed);
  return (
    <section className="inspector-section">
      <h3>
        <button aria-expanded={open} onClick={() => setOpen(!open)}>
          <span className={`tree-twist${open ? ' open' : ''}`}>
            <Icon name="chevron" size={14} />
          </span>
          {title}
          {note && <small>{note}</small>}
        </button>
      </h3>
      {open && <div className="section-body">{children}</div>}
    </section>
  );
}

export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function About({ dataset }: { dataset: DatasetInfo }) {
  const { type, shape, maxShape } = dataset;
  const facts: [string, ReactNode][] = [
    ['Shape', shapeText(shape)],
    ['Elements', shape === null ? 'none' : count(shape.reduce((n, d) => n * d, 1))],
    ['In memory', bytes(dataset.bytes)],
  ];
  const grows = shape !== null && maxShape.some((most, axis) => most !== shape[axis]);
  if (grows) facts.push(['May grow to', maxShape.map((most) => (most === null ? '∞' : count(most))).join(' × ')]);
  return (
    <Section title="Type and shape">
      <TypeTree type={type} />
      <Facts facts={facts} />
    </Section>
  );
}

function Attributes({ object }: { object: ObjectInfo }) {
  const { attributes, attributesError } = object;
  return (
    <Section title="Attributes" note={count(attributes.length)}>
      {attributesError && <p className="bad-text">{attributesError.text}</p>}
      {attributes.length === 0 && !attributesError && <p className="faint">None</p>}
      <dl className="attributes">
        {attributes.map((attribute, i) => (
          <Attribute key={i} path={object.path} attribute={attribute} />
        ))}
      </dl>
    </Section>
  );
}

function Attribute({ path, attribute }: { path: string; attribute: AttributeInfo }) {
  const { engine } = useFile();
  const [whole, setWhole] = useState<AttributeInfo>();
  const shown = whole ?? attribute;
  const kind = shown.error ? '' : `${shown.type.text}${shown.shape && shown.shape.length > 0 ? ` [${shown.shape.join(', ')}]` : ''}`;
  return (
    <div data-attribute={attribute.name}>
      <dt>
        <b>{attribute.name}</b>
        <small>{kind}</small>
      </dt>
      <dd>
        <ValueLine attribute={shown} />
        {attribute.truncated && !whole && (
          <button
            className="text-button"
            onClick={() => void engine.attribute(path, attribute.name).then(setWhole, () => undefined)}
          >
            read all
          </button>
        )}
      </dd>
    </div>
  );
}

function StorageSection({ path, dataset }: { path: string; dataset: DatasetInfo }) {
  const { engine } = useFile();
  const storage = useAsync((signal) => engine.storage(path, { signal }), [engine, path]);
  const { layout, chunkShape, chunkIndex, filters } = dataset;
  const facts: [string, ReactNode][] = [['Layout', layout]];
  if (chunkShape) facts.push(['Chunks', `${chunkShape.join(' × ')}${chunkIndex ? ` · ${chunkIndex}` : ''}`]);
  if (filters.length > 0) {
    facts.push([
      'Filters',
      <ol className="filters" key="filters">
        {filters.map((filter, i) => (
          <li key={i} title={`filter ${filter.id}${filter.parameters.length > 0 ? `, parameters ${filter.parameters.join(', ')}` : ''}`}>
            {filter.name}
          </li>
        ))}
      </ol>,
    ]);
  }
  if (storage.value) {
    const s = storage.value;
    facts.push(['In the file', bytes(s.stored)]);
    if (s.ratio !== undefined) facts.push(['Compression', <Ratio key="ratio" ratio={s.ratio} />]);
    if (s.chunksStored !== undefined && s.chunksTotal !== undefined) {
      facts.push(['Stored chunks', `${count(s.chunksStored)} of ${count(s.chunksTotal)}`]);
    }
    if (s.smallestChunk !== undefined && s.largestChunk !== undefined && s.smallestChunk !== s.largestChunk) {
      facts.push(['Chunk sizes', `${bytes(s.smallestChunk)} to ${bytes(s.largestChunk)}`]);
    }
  } else {
    facts.push(['In the file', storage.state === 'failed' ? <span className="bad-text">{String((storage.error as Error).message)}</span> : '…']);
  }
  return (
    <>
      <Section title="Storage">
        <Facts facts={facts} />
      </Section>
      {layout === 'chunked' && dataset.shape !== null && dataset.shape.length > 0 && (
        <Section title="Chunk map" closed>
          <ChunkMapView path={path} filters={filters} />
        </Section>
      )}
    </>
  );
}

function Ratio({ ratio }: { ratio: number }) {
  const share = Math.max(0.02, Math.min(1, 1 / ratio));
  return (
    <span className="ratio">
      {ratioText(ratio)}
      <span aria-hidden="true">
        <i style={{ width: `${share * 100}%` }} />
      </span>
    </span>
  );
}

function ratioText(ratio: number): string {
  if (Math.abs(ratio - 1) < 0.005) return 'none: as large as in memory';
  const times = ratio >= 1 ? ratio : 1 / ratio;
  return `${times < 100 ? times.toFixed(2) : count(Math.round(times))}× ${ratio >= 1 ? 'smaller' : 'larger'}`;
}

function HeaderSection({ object }: { object: ObjectInfo }) {
  const facts: [string, ReactNode][] = [
    ['Object header', <span key="a" className="mono">0x{object.address.toString(16)}, {plural(object.headerBytes, 'byte')}</span>],
    ['Hard links', count(object.links)],
  ];
  if (object.file !== undefined) facts.unshift(['File', <span key="f" className="mono">{object.file}</span>]);
  if (object.dataset?.dataAddress !== undefined) {
    facts.push([
      object.dataset.layout === 'chunked' ? 'Chunk index' : 'Elements at',
      <span key="d" className="mono">0x{object.dataset.dataAddress.toString(16)}</span>,
    ]);
  }
  if (object.modified !== undefined) facts.push(['Modified', `${new Date(object.modified * 1000).toISOString().replace('T', ' ').slice(0, 19)} UTC`]);
  if (object.comment !== undefined) facts.push(['Comment', object.comment]);
  if (object.members !== undefined) facts.push(['Members', count(object.members)]);
  return (
    <Section title="Object">
      <Facts facts={facts} />
    </Section>
  );
}
