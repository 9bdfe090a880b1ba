import { useEffect, useState, type DependencyList } from 'react';

export type Async<T> =
  | { state: 'waiting'; value?: T; error?: undefined }
  | { state: 'done'; value: T; error?: undefined }
  | { state: 'failed'; value?: T; error: unknown };

/**
 * Runs a task whenever a dependency changes, and stops the one before through its signal. While a new task runs the last
 * value stays (`keep`), so that nothing jumps; not so by default.
 */
export function useAsync<T>(task: (signal: AbortSignal) => Promise<T>, deps: DependencyList, keep = false): Async<T> {
  const [state, setState] = useState<{ deps: DependencyList; result: Async<T> }>({ deps: [], result: { state: 'waiting' } });
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ deps, result: { state: 'waiting', value: keep ? old.result.value : undefined } }));
    task(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ deps, result: { state: 'done', value } });
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setState({ deps, result: { state: 'failed', error } });
      },
    );
    return () => stop.abort();
    // The task is made anew on each drawing; what it depends on is told.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, deps);
  // A drawing before the effect ran must not show what belongs to other dependencies.
  const current = state.deps.length === deps.length && state.deps.every((d, i) => Object.is(d, deps[i]));
  if (!current) return { state: 'waiting', value: keep ? state.result.value : undefined };
  return state.result;
}
