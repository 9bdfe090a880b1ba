// A single value, large; a compound one member by member.

import { useFile } from '../app/context';
import type { ViewProps } from '../app/views';
import type { TypeInfo, Value } from '../engine/types';
import { elementOf, isReference, valueText } from '../model/valueText';
import { Failure, Notice, Waiting } from '../ui/Notice';
import { useAsync } from '../ui/useAsync';
import { OneValue } from './ValueLine';

export function ValueView({ object }: ViewProps) {
  const { engine } = useFile();
  const dataset = object.dataset!;
  const isNull = dataset.shape === null;
  const read = useAsync(
    (signal) => (isNull ? Promise.resolve(undefined) : engine.read(object.path, [], { signal })),
    [engine, object.path, isNull],
  );
  if (isNull) return <Notice icon="scalar" title="No value"><p>This dataset is declared empty (a null dataspace).</p></Notice>;
  if (read.state === 'failed') return <Failure error={read.error} />;
  if (!read.value) return <Waiting />;
  return (
    <div className="value-view">
      <Shown value={elementOf(read.value, 0)} type={dataset.type} />
    </div>
  );
}

function Shown({ value, type }: { value: Value; type: TypeInfo }) {
  if (type.class === 'compound' && Array.isArray(value)) {
    return (
      <dl className="fields">
        {type.members.map((member, i) => (
          <div key={i}>
            <dt>
              {member.name} <small>{member.type.text}</small>
            </dt>
            <dd>
              <OneValue value={value[i]} type={member.type} />
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  if (typeof value === 'string') return value === '' ? <p className="faint">An empty string</p> : <pre className="long-text">{pretty(value)}</pre>;
  if (isReference(value) || Array.isArray(value)) return <p className="big-value"><OneValue value={value} type={type} /></p>;
  return <p className="big-value">{valueText(value, type)}</p>;
}

/** JSON as Keras and others keep it, laid out; anything else as it is. */
function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text) || text.length > 500_000) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
