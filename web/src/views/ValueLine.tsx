// A value on one line, references as links.

import { useState } from 'react';
import { goTo } from '../app/address';
import { useFile } from '../app/context';
import { shapeText } from '../app/text';
import type { AttributeInfo, ReferenceValue, TypeInfo, Value } from '../engine/types';
import { pathOf } from '../model/pathOf';
import { isReference, valueText } from '../model/valueText';

const MOST = 400;

export function ValueLine({ attribute }: { attribute: AttributeInfo }) {
  const { error, shape, value, type, truncated } = attribute;
  if (error) return <span className="bad-text">{error.text}</span>;
  if (shape === null) return <span className="faint">empty</span>;
  if (shape.length === 0) return <OneValue value={value} type={type} />;
  const list = value as Value[];
  const most = 24;
  return (
    <span>
      {list.slice(0, most).map((item, i) => (
        <span key={i}>
          {i > 0 && <span className="faint">, </span>}
          <OneValue value={item} type={type} />
        </span>
      ))}
      {(list.length > most || truncated) && <span className="faint"> … {shapeText(shape)} in all</span>}
    </span>
  );
}

export function OneValue({ value, type }: { value: Value; type?: TypeInfo }) {
  if (isReference(value)) return <Reference value={value} />;
  if (Array.isArray(value) && value.some(isReference)) {
    return (
      <span>
        {value.map((part, i) => (
          <span key={i}>
            {i > 0 && ', '}
            <OneValue value={part} />
          </span>
        ))}
      </span>
    );
  }
  const text = valueText(value, type);
  if (text === '' && typeof value === 'string') return <span className="faint">“”</span>;
  return <span className={typeof value === 'string' ? undefined : 'mono'}>{text.length > MOST ? `${text.slice(0, MOST)}…` : text}</span>;
}

/** A reference as a link; where it leads is asked for when it is followed. */
function Reference({ value }: { value: ReferenceValue }) {
  const { engine } = useFile();
  const [lost, setLost] = useState(false);
  if (value.reference === 'null') return <span className="faint">null reference</span>;
  if (value.file !== undefined || (value.path === undefined && value.address === undefined)) {
    return <span className="mono">{value.text}</span>;
  }
  const follow = async () => {
    const path = value.path ?? (await pathOf(engine, value.address!).catch(() => undefined));
    if (path === undefined) setLost(true);
    else goTo(path);
  };
  return (
    <button className="reference" onClick={() => void follow()} title={value.text}>
      {value.path ?? value.text.replace(/^-> /, '')}
      {lost && <span className="faint"> (nothing with a name leads there)</span>}
    </button>
  );
}
