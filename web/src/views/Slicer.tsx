// Which dimensions run across and down, and the index in each of the others: slider, typed number, keys.

import { useState } from 'react';
import { count } from '../app/text';
import type { Slice } from '../model/slice';
import type { Dimension } from './useAxes';

interface Props {
  shape: readonly number[];
  slice: Slice;
  axes?: readonly Dimension[];
  onChange: (slice: Slice) => void;
}

export function Slicer({ shape, slice, axes: dimensions, onChange }: Props) {
  const axes = slice.y === undefined ? 1 : 2;
  if (shape.length <= axes) return null;
  const choose = (axis: number, role: 'x' | 'y') => {
    // The dimension that had the role takes the place of the one that gets it.
    const other = role === 'x' ? slice.y : slice.x;
    const mine = role === 'x' ? slice.x : slice.y!;
    const next: Slice = { ...slice, [role]: axis };
    if (axis === other) next[role === 'x' ? 'y' : 'x'] = mine;
    onChange(next);
  };
  return (
    <div className="slicer" role="group" aria-label="Slice">
      {shape.map((length, axis) => (
        <div key={axis} className={axis === slice.x || axis === slice.y ? 'dimension shown' : 'dimension'}>
          <span className="dimension-name" title={`dimension ${axis}, ${count(length)} long`}>
            {dimensions?.[axis]?.name ?? `D${axis}`} <small>{count(length)}</small>
          </span>
          <span className="roles">
            {(axes === 2 ? (['y', 'x'] as const) : (['x'] as const)).map((role) => (
              <button
                key={role}
                aria-pressed={slice[role] === axis}
                title={role === 'x' ? 'runs across' : 'runs down'}
                onClick={() => choose(axis, role)}
              >
                {role}
              </button>
            ))}
          </span>
          {axis !== slice.x && axis !== slice.y && (
            <IndexInput
              length={length}
              value={slice.index[axis]}
              label={dimensions?.[axis]?.name ?? `Index in dimension ${axis}`}
              onChange={(i) => onChange({ ...slice, index: slice.index.map((old, a) => (a === axis ? i : old)) })}
            />
          )}
        </div>
      ))}
    </div>
  );
}

function IndexInput({ length, value, label, onChange }: { length: number; value: number; label: string; onChange: (i: number) => void }) {
  const [typed, setTyped] = useState<string>();
  const finish = () => {
    if (typed !== undefined && /^\d+$/.test(typed.trim())) onChange(Math.min(length - 1, Number(typed)));
    setTyped(undefined);
  };
  return (
    <>
      <input type="range" min={0} max={length - 1} value={value} aria-label={`${label}, slider`} onChange={(event) => onChange(event.target.valueAsNumber)} />
      <input
        className="index"
        type="text"
        inputMode="numeric"
        aria-label={label}
        value={typed ?? String(value)}
        size={Math.max(2, String(length).length)}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === 'Enter') finish();
          if (event.key === 'ArrowUp') onChange(Math.min(length - 1, value + 1));
          if (event.key === 'ArrowDown') onChange(Math.max(0, value - 1));
        }}
      />
    </>
  );
}
