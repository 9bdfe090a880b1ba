// A named datatype, or the type of a dataset, member by member.

import type { ViewProps } from '../app/views';
import type { TypeInfo } from '../engine/types';

export function TypeView({ object }: ViewProps) {
  return <div className="type-view">{object.type && <TypeTree type={object.type} />}</div>;
}

export function TypeTree({ type, name, offset }: { type: TypeInfo; name?: string; offset?: number }) {
  const below = partsOf(type);
  return (
    <div className="type-node">
      <div>
        {name !== undefined && <b>{name}</b>}
        <span className="mono">{type.class === 'compound' ? 'compound' : type.text}</span>
        <small>
          {type.size} bytes{offset !== undefined && ` at ${offset}`}
        </small>
      </div>
      {type.class === 'enum' && (
        <ul>
          {type.members.slice(0, 200).map((member, i) => (
            <li key={i}>
              <span className="mono">{String(member.value)}</span> {member.name}
            </li>
          ))}
        </ul>
      )}
      {below.length > 0 && (
        <div className="type-below">
          {below.map((part, i) => (
            <TypeTree key={i} {...part} />
          ))}
        </div>
      )}
    </div>
  );
}

function partsOf(type: TypeInfo): { type: TypeInfo; name?: string; offset?: number }[] {
  switch (type.class) {
    case 'compound':
      return type.members;
    case 'array':
    case 'vlen':
      return type.base.class === 'compound' ? [{ type: type.base, name: 'each' }] : [];
    default:
      return [];
  }
}
