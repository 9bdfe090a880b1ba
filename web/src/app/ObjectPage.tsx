// The object in the middle: where it is, what it is, its views.

import { useEffect, useState } from 'react';
import type { ObjectInfo } from '../engine/types';
import { ExportMenu } from '../export/ExportMenu';
import { VIEW_LABELS, viewsOf, type ViewName } from '../model/objectViews';
import { Icon } from '../ui/icons';
import { Failure, Fence, Waiting } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { goTo, showView, usePlace } from './address';
import { useFile, useImageSet, useObject } from './context';
import { bytes, plural, shapeText } from './text';
import { VIEWS } from './views';

interface Props {
  inspecting: boolean;
  onInspect: () => void;
  onTree: () => void;
  /** Whether this is a set of images is not known yet. */
  pending: boolean;
}

export function ObjectPage({ inspecting, onInspect, onTree, pending }: Props) {
  const { path, view } = usePlace();
  const object = useObject(path);
  const set = useImageSet(path);
  const views = object.state === 'done' && !pending ? viewsOf(object.value, set) : [];
  const current = views.find((name) => name === view) ?? views[0];

  return (
    <main className="object" aria-label="Object" data-path={path} data-state={pending ? 'waiting' : object.state}>
      <div className="object-bar">
        <button className="icon-button only-narrow" onClick={onTree} aria-label="Show the tree" title="Tree">
          <Icon name="menu" size={18} />
        </button>
        <Path path={path} />
        <span className="spacer" />
        {object.state === 'done' && path !== undefined && <ExportMenu object={object.value} view={current} />}
        <button
          className="icon-button"
          onClick={onInspect}
          aria-pressed={inspecting}
          aria-label="Inspector"
          title="Type, storage, attributes (i)"
        >
          <Icon name="info" size={18} />
        </button>
      </div>
      <div className="object-head">
        <p className="summary">{object.state === 'done' ? <Summary object={object.value} /> : ' '}</p>
        <ViewTabs views={views} current={current} />
      </div>
      {object.state === 'done' && object.value.dataset?.layout === 'virtual' && <NotThere path={object.value.path} />}
      <div className="view" data-view={current} data-ready={object.state === 'done'} role="tabpanel" aria-label={current && VIEW_LABELS[current]}>
        <Fence resetKey={`${path} ${current}`}>
          {path === undefined ? (
            <Waiting text={pending ? 'Looking for images…' : 'Reading…'} />
          ) : object.state === 'failed' ? (
            <Failure error={object.error} />
          ) : object.state === 'done' && current ? (
            <View object={object.value} name={current} />
          ) : (
            <Waiting />
          )}
        </Fence>
      </div>
    </main>
  );
}

/** Below a virtual dataset: its sources that are not there, whose elements are the fill value. */
function NotThere({ path }: { path: string }) {
  const { engine, source } = useFile();
  const [all, setAll] = useState(engine.stats.notThere);
  useEffect(() => engine.onStats((stats) => setAll(stats.notThere)), [engine]);
  const names = all?.[path] ?? [];
  if (names.length === 0) return null;
  const where = source.kind === 'url' ? 'put them beside the file' : 'drop them together with the file';
  return (
    <p className="not-there" role="status">
      <Icon name="info" />
      <span>
        Not there: <b>{names.join(', ')}</b>. What they would hold is shown as the fill value; {where} to see it.
      </span>
    </p>
  );
}

function View({ object, name }: { object: ObjectInfo; name: ViewName }) {
  const set = useImageSet(object.path);
  const Shown = VIEWS[name];
  return <Shown key={`${object.path} ${name}`} object={object} set={set} />;
}

function Path({ path }: { path: string | undefined }) {
  const names = (path ?? '').split('/').filter((name) => name !== '');
  useEffect(() => {
    // The end of a long path is what tells.
    const bar = document.querySelector('.path');
    if (bar) bar.scrollLeft = bar.scrollWidth;
  }, [path]);
  return (
    <nav className="path" aria-label="Path">
      <button onClick={() => goTo('/')} aria-label="Root group">
        /
      </button>
      {names.map((name, i) => (
        <span key={i}>
          {i > 0 && <i>/</i>}
          <button
            aria-current={i === names.length - 1 ? 'page' : undefined}
            onClick={() => goTo(`/${names.slice(0, i + 1).join('/')}`)}
          >
            {name}
          </button>
        </span>
      ))}
    </nav>
  );
}

function ViewTabs({ views, current }: { views: ViewName[]; current: ViewName | undefined }) {
  if (views.length < 2) return <div className="views" />;
  const step = (by: number) => {
    const at = views.indexOf(current!);
    showView(views[(at + by + views.length) % views.length]);
  };
  return (
    <div className="views" role="tablist" aria-label="Views">
      {views.map((name) => (
        <button
          key={name}
          role="tab"
          aria-selected={name === current}
          tabIndex={name === current ? 0 : -1}
          data-view={name}
          onClick={() => showView(name)}
          onKeyDown={(event) => {
            if (event.key === 'ArrowRight') step(1);
            if (event.key === 'ArrowLeft') step(-1);
          }}
        >
          {VIEW_LABELS[name]}
        </button>
      ))}
    </div>
  );
}

function Summary({ object }: { object: ObjectInfo }) {
  const { engine } = useFile();
  const isGroup = object.kind === 'group';
  // A header does not always tell how many members there are.
  const members = useAsync(
    async (signal) => (isGroup ? (object.members ?? (await engine.list(object.path, { count: 1 }, { signal })).total) : undefined),
    [engine, object],
  ).value;
  const attributes = object.attributes.length > 0 ? plural(object.attributes.length, 'attribute') : '';
  if (isGroup) return <>{['group', members === undefined ? '' : plural(members, 'member'), attributes].filter((part) => part !== '').join(' · ')}</>;
  if (object.kind === 'datatype') return <>named datatype · {object.type?.text}</>;
  const dataset = object.dataset!;
  return <>{[shapeText(dataset.shape), dataset.type.text, bytes(dataset.bytes)].filter((part) => part !== '').join(' · ')}</>;
}
