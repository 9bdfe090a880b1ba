import { useEffect, useState, type ComponentType } from 'react';
import { Failure, Waiting } from './Notice';

/** A component whose code is loaded when it is first shown. Not `React.lazy`: see OpenFile in app/App.tsx. */
export function onDemand<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function OnDemand(props: P) {
    const [Loaded, setLoaded] = useState<ComponentType<P> | undefined>(() => loaded);
    const [error, setError] = useState<unknown>();
    useEffect(() => {
      if (loaded) return;
      load().then((component) => {
        loaded = component;
        setLoaded(() => component);
      }, setError);
    }, []);
    if (error !== undefined) return <Failure error={error} />;
    return Loaded ? <Loaded {...props} /> : <Waiting text="Loading…" />;
  };
}
