// The tree: lazy, windowed, moved through by the arrow keys, told to screen readers row by row.

import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type KeyboardEvent } from 'react';
import { goTo, usePlace } from '../app/address';
import { count, shapeText } from '../app/text';
import type { Child, Engine, ImageSet } from '../engine/types';
import { Icon, type IconName } from '../ui/icons';
import { useRows } from '../ui/useRows';
import { canOpen, TreeModel, type Row } from './model';

const ROW = 28;

export function Tree({ engine, imageSets, onPick }: { engine: Engine; imageSets: ReadonlyMap<string, ImageSet>; onPick: () => void }) {
  const model = useMemo(() => new TreeModel(engine), [engine]);
  useSyncExternalStore(model.subscribe, () => model.version);
  const { path } = usePlace();
  const [focus, setFocus] = useState(0);
  const rows = useRows(model.rows, ROW);
  const showRow = useRef(rows.show);
  showRow.current = rows.show;

  // The object that is shown is opened to, wherever the way to it came from.
  useEffect(() => {
    if (!path || path === '/') return;
    let stale = false;
    void model.reveal(path).then((index) => {
      if (stale || index < 0) return;
      setFocus(index);
      // After the rows that were opened have been laid out.
      requestAnimationFrame(() => showRow.current(index));
    });
    return () => {
      stale = true;
    };
  }, [model, path]);

  const visible: { index: number; row: Row }[] = [];
  for (let index = rows.first; index < rows.last; index++) {
    const row = model.row(index);
    if (row) visible.push({ index, row });
  }
  useEffect(() => {
    for (const { row } of visible) if (!row.child && !row.failure) void model.load(row.parent, row.at);
  });

  const pick = (child: Child) => {
    goTo(child.path);
    onPick();
  };
  const move = (index: number) => {
    const next = Math.max(0, Math.min(model.rows - 1, index));
    setFocus(next);
    rows.show(next);
  };

  const key = (event: KeyboardEvent) => {
    const row = model.row(focus);
    const steps: Record<string, () => void> = {
      ArrowDown: () => move(focus + 1),
      ArrowUp: () => move(focus - 1),
      PageDown: () => move(focus + rows.page),
      PageUp: () => move(focus - rows.page),
      Home: () => move(0),
      End: () => move(model.rows - 1),
      ArrowRight: () => {
        if (row?.open) move(focus + 1);
        else if (row) void model.expand(row);
      },
      ArrowLeft: () => {
        if (row?.open) model.collapse(row);
        else if (row?.parent.parent) move(model.indexOf(row.parent.parent, row.parent.at));
      },
      Enter: () => row?.child && pick(row.child),
      ' ': () => row?.child && pick(row.child),
    };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step();
  };

  if (model.root.listed && model.root.total === 0) return <p className="tree-empty">The root group is empty.</p>;
  return (
    <div
      className="tree"
      role="tree"
      aria-label="Objects of the file"
      tabIndex={0}
      aria-activedescendant={model.rows > 0 ? `tree-row-${focus}` : undefined}
      ref={rows.box}
      onKeyDown={key}
    >
      <div style={{ height: rows.height, position: 'relative' }} role="presentation">
        {visible.map(({ index, row }) => (
          <TreeRow
            key={`${row.parent.path} ${row.at}`}
            index={index}
            row={row}
            top={rows.topOf(index)}
            selected={row.child !== undefined && row.child.path === path}
            focused={index === focus}
            set={row.child && imageSets.get(row.child.path)}
            onPick={() => {
              setFocus(index);
              if (row.child) pick(row.child);
            }}
            onToggle={() => (row.open ? model.collapse(row) : void model.expand(row))}
          />
        ))}
      </div>
    </div>
  );
}

interface TreeRowProps {
  index: number;
  row: Row;
  top: number;
  selected: boolean;
  focused: boolean;
  set: ImageSet | undefined;
  onPick: () => void;
  onToggle: () => void;
}

function TreeRow({ index, row, top, selected, focused, set, onPick, onToggle }: TreeRowProps) {
  const style = { top, height: ROW, paddingLeft: 6 + row.depth * 16 };
  if (row.failure) {
    return (
      <div className="tree-row broken" style={style} role="treeitem" aria-level={row.depth + 1} title={row.failure}>
        <Icon name="broken" />
        <span className="tree-name">{row.failure}</span>
      </div>
    );
  }
  const child = row.child;
  if (!child) {
    return (
      <div className="tree-row" style={style} role="treeitem" aria-level={row.depth + 1} aria-busy="true">
        <span className="tree-twist" />
        <span className="tree-waiting" />
      </div>
    );
  }
  const opens = canOpen(child);
  const classes = ['tree-row'];
  if (selected) classes.push('selected');
  if (focused) classes.push('focused');
  if (child.kind === 'broken') classes.push('broken');
  return (
    <div
      id={`tree-row-${index}`}
      className={classes.join(' ')}
      style={style}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-setsize={row.parent.total}
      aria-posinset={row.at + 1}
      aria-selected={selected}
      aria-expanded={opens ? row.open : undefined}
      data-path={child.path}
      data-kind={child.kind}
      title={titleOf(child)}
      onClick={onPick}
      onDoubleClick={opens ? onToggle : undefined}
    >
      <span
        className={`tree-twist${row.open ? ' open' : ''}`}
        onClick={(event) => {
          if (!opens) return;
          event.stopPropagation();
          onToggle();
        }}
      >
        {opens && <Icon name="chevron" size={14} />}
      </span>
      <Icon name={iconOf(child, set)} />
      <span className="tree-name">{child.name}</span>
      {child.link.kind !== 'hard' && (
        <span className="tree-link">
          <Icon name="link" size={12} />
        </span>
      )}
      <span className="tree-shape">{child.shape && child.shape.length > 0 ? child.shape.join('×') : ''}</span>
    </div>
  );
}

export function iconOf(child: Pick<Child, 'kind' | 'shape' | 'type'>, set?: ImageSet): IconName {
  switch (child.kind) {
    case 'group':
      return 'group';
    case 'datatype':
      return 'datatype';
    case 'broken':
      return 'broken';
    case 'link':
      return 'link';
    case 'dataset':
      if (set?.sure) return 'images';
      if (child.type?.startsWith('{')) return 'table';
      if (child.type?.includes('string')) return 'text';
      return child.shape && child.shape.length > 0 ? 'array' : 'scalar';
  }
}

function titleOf(child: Child): string {
  const parts = [child.path];
  if (child.kind === 'dataset') parts.push(`${shapeText(child.shape)} · ${child.type ?? ''}`);
  if (child.link.kind === 'soft') parts.push(`soft link to ${child.link.target}`);
  if (child.link.kind === 'external') parts.push(`external link to ${child.link.file}, ${child.link.target}`);
  if (child.link.kind === 'user') parts.push(`user-defined link of class ${count(child.link.class)}`);
  if (child.error) parts.push(child.error.text);
  return parts.join('\n');
}
