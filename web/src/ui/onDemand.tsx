import { useSyncExternalStore, type ComponentType } from 'react';
import { Failure, Waiting } from './Notice';

/** A component whose code is loaded when it is first shown. Not `React.lazy`: see OpenFile in app/App.tsx. */
export function onDemand<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const code = new Code(load);
  return function OnDemand(props: P) {
    // Not an effect: what arrives between a drawing and its effects would never be shown.
    const { component: Loaded, error } = useSyncExternalStore(code.subscribe, code.current);
    if (Loaded) return <Loaded {...props} />;
    return error === undefined ? <Waiting text="Loading…" /> : <Failure error={error} />;
  };
}

interface State<P> {
  component?: ComponentType<P>;
  error?: unknown;
}

/** The code of a component: asked for by whoever shows it first, and again after a failure. */
class Code<P> {
  private state: State<P> = {};
  private readonly listeners = new Set<() => void>();
  private asked = false;

  constructor(private readonly load: () => Promise<ComponentType<P>>) {}

  readonly current = () => this.state;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    if (!this.asked) this.ask();
    return () => void this.listeners.delete(listener);
  };

  private ask(): void {
    this.asked = true;
    this.load().then(
      (component) => this.become({ component }),
      (error: unknown) => {
        this.asked = false;
        this.become({ error });
      },
    );
  }

  private become(state: State<P>): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
