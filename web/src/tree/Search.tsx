// Search over paths and attributes; the engine walks the file and tells what it met so far.

import { useEffect, useState } from 'react';
import { goTo, usePlace } from '../app/address';
import { count, messageOf } from '../app/text';
import type { Engine, SearchHit } from '../engine/types';
import { Icon } from '../ui/icons';
import { useRows } from '../ui/useRows';
import { iconOf } from './Tree';

const ROW = 40;

type Progress = { hits: SearchHit[]; visited: number; state: 'walking' | 'complete' | 'cut' | 'failed'; text?: string };

export function SearchResults({ engine, text, onPick }: { engine: Engine; text: string; onPick: () => void }) {
  const progress = useSearch(engine, text);
  const { path } = usePlace();
  const rows = useRows(progress.hits.length, ROW);
  const shown = progress.hits.slice(rows.first, rows.last);
  return (
    <>
      <p className="search-status" role="status">
        {statusOf(progress)}
      </p>
      <div className="tree" ref={rows.box} role="listbox" aria-label="Found objects" tabIndex={0}>
        <div style={{ height: rows.height, position: 'relative' }} role="presentation">
          {shown.map((hit, i) => (
            <div
              key={rows.first + i}
              className={`tree-row hit${hit.path === path ? ' selected' : ''}`}
              style={{ top: rows.topOf(rows.first + i), height: ROW }}
              role="option"
              aria-selected={hit.path === path}
              data-path={hit.path}
              title={hit.path}
              tabIndex={-1}
              onClick={() => {
                goTo(hit.path);
                onPick();
              }}
            >
              <Icon name={iconOf(hit)} />
              <span className="hit-text">
                <span className="tree-name">
                  <Marked text={hit.path.split('/').pop() || '/'} part={text} />
                </span>
                <small>{hit.attribute !== undefined ? `@${hit.attribute} in ${hit.path}` : hit.path}</small>
              </span>
            </div>
          ))}
        </div>
      </div>
    </>
  );
}

function useSearch(engine: Engine, text: string): Progress {
  const [progress, setProgress] = useState<Progress>({ hits: [], visited: 0, state: 'walking' });
  useEffect(() => {
    const stop = new AbortController();
    setProgress({ hits: [], visited: 0, state: 'walking' });
    const timer = setTimeout(() => {
      const found: SearchHit[] = [];
      engine
        .search(text, {
          signal: stop.signal,
          onHits: (hits, visited) => {
            found.push(...hits);
            if (!stop.signal.aborted) setProgress({ hits: [...found], visited, state: 'walking' });
          },
        })
        .then(({ hits, complete }) => {
          if (!stop.signal.aborted) setProgress((p) => ({ ...p, hits, state: complete ? 'complete' : 'cut' }));
        })
        .catch((error: unknown) => {
          if (!stop.signal.aborted) setProgress((p) => ({ ...p, state: 'failed', text: messageOf(error) }));
        });
    }, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [engine, text]);
  return progress;
}

function statusOf({ hits, visited, state, text }: Progress): string {
  const found = hits.length === 0 ? 'Nothing found' : `${count(hits.length)} found`;
  switch (state) {
    case 'walking':
      return hits.length === 0 ? `Searching… ${visited > 0 ? `${count(visited)} objects seen` : ''}` : `${found}, searching on…`;
    case 'complete':
      return found;
    case 'cut':
      return `The first ${count(hits.length)}; there are more`;
    case 'failed':
      return text ?? 'The search failed';
  }
}

/** The text with the part that was searched for marked. */
function Marked({ text, part }: { text: string; part: string }) {
  const at = text.toLowerCase().indexOf(part.toLowerCase());
  if (at < 0 || part === '') return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + part.length)}</mark>
      {text.slice(at + part.length)}
    </>
  );
}
