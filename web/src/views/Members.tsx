// A group: its attributes that say what it is, and its members as a list.

import { useEffect, useMemo, useReducer } from 'react';
import { goTo } from '../app/address';
import { useFile } from '../app/context';
import { bytes, shapeText } from '../app/text';
import type { ViewProps } from '../app/views';
import type { Child, ImageSet } from '../engine/types';
import { iconOf } from '../tree/Tree';
import { Branch } from '../tree/model';
import { Icon } from '../ui/icons';
import { Failure, Notice } from '../ui/Notice';
import { useRows } from '../ui/useRows';
import { ValueLine } from './ValueLine';

const ROW = 36;

export function Members({ object }: ViewProps) {
  const { engine, file, imageSets } = useFile();
  const branch = useMemo(() => new Branch(object.path, undefined, 0), [object.path]);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const total = branch.listed ? branch.total : (object.members ?? 0);
  const rows = useRows(total, ROW);


  useEffect(() => {
    for (let at = rows.first; at < Math.max(rows.last, 1); at += 50) {
      void branch.want(engine, at).then((fresh) => fresh && redraw());
    }
    if (rows.last > 0) void branch.want(engine, rows.last - 1).then((fresh) => fresh && redraw());
  }, [branch, engine, rows.first, rows.last]);

  const shown: number[] = [];
  for (let at = rows.first; at < rows.last; at++) shown.push(at);
  return (
    <div className="members">
      {object.path === '/' && (
        <div className="file-card">
          <h2>{file.name}</h2>
          <p>
            HDF5 file · {bytes(file.size)} · superblock version {file.superblockVersion}
            {file.userBlock > 0 && ` · user block of ${bytes(file.userBlock)}`}
          </p>
        </div>
      )}
      {object.attributes.length > 0 && (
        <dl className="card-attributes">
          {object.attributes.slice(0, 8).map((attribute, i) => (
            <div key={i}>
              <dt>{attribute.name}</dt>
              <dd>
                <ValueLine attribute={attribute} />
              </dd>
            </div>
          ))}
          {object.attributes.length > 8 && <p>and {object.attributes.length - 8} more in the inspector</p>}
        </dl>
      )}
      {branch.failure ? (
        <Failure error={new Error(branch.failure)} />
      ) : total === 0 && branch.listed ? (
        <Notice icon="group" title="An empty group" />
      ) : (
        <div className="member-list" ref={rows.box} role="list" tabIndex={0} aria-label="Members">
          <div style={{ height: rows.height, position: 'relative' }}>
            {shown.map((at) => (
              <Member key={at} child={branch.child(at)} top={rows.topOf(at)} sets={imageSets} />
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

function Member({ child, top, sets }: { child: Child | undefined; top: number; sets: ImageSet[] }) {
  if (!child) return <div className="member" style={{ top, height: ROW }} role="listitem" aria-busy="true" />;
  return (
    <div className={`member ${child.kind}`} style={{ top, height: ROW }} role="listitem">
      <button onClick={() => goTo(child.path)} title={child.path}>
        <Icon name={iconOf(child, sets.find((set) => set.path === child.path))} />
        <span className="member-name">{child.name}</span>
        <LinkText child={child} />
        <span className="member-what">{whatOf(child)}</span>
      </button>
    </div>
  );
}

function LinkText({ child: { link } }: { child: Child }) {
  if (link.kind === 'hard') return null;
  const text = link.kind === 'soft' ? link.target : link.kind === 'external' ? `${link.file}:${link.target}` : `class ${link.class}`;
  return (
    <span className="member-link">
      <Icon name="link" size={13} /> {text}
    </span>
  );
}

function whatOf(child: Child): string {
  if (child.error) return child.error.text;
  if (child.kind === 'dataset') return [shapeText(child.shape), child.type].filter(Boolean).join(' · ');
  if (child.kind === 'group') return child.isEmpty ? 'empty group' : 'group';
  if (child.kind === 'datatype') return `datatype · ${child.type ?? ''}`;
  return child.kind;
}
