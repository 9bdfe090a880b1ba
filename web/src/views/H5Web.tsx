// H5Web's own explorer for one object, inside our frame: its tree and its bar are ours already and stay hidden.

import '@h5web/app/styles.css';
import './h5web.css';
import { App, DataProvider, enableBigIntSerialization } from '@h5web/app';
import { Suspense, useEffect, useMemo, useReducer } from 'react';
import { showView } from '../app/address';
import { useFile } from '../app/context';
import { bytes } from '../app/text';
import { currentTheme, onThemeChange } from '../app/theme';
import type { ViewProps } from '../app/views';
import { PlotApi } from './plotApi';
import { Notice, Waiting } from '../ui/Notice';

enableBigIntSerialization(); // an int64 attribute cannot be shown without

/** What H5Web may ask for at once: it always reads the whole of two dimensions. */
export const BUDGET = 64 * 1024 * 1024;

export function H5Web({ object }: ViewProps) {
  const { engine, file } = useFile();
  const api = useMemo(() => new PlotApi(engine, file.name, object.path), [engine, file, object.path]);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => onThemeChange(redraw), []);

  const needed = neededBytes(object);
  if (needed > BUDGET) {
    return (
      <Notice icon="info" title={`${bytes(needed)} at once is too much for this view`}>
        <p>H5Web reads all of what it draws. The other views read only what they show:</p>
        <div className="notice-actions">
          <button className="primary" onClick={() => showView(object.dataset!.shape!.length > 1 ? 'heatmap' : 'line')}>
            Show an overview
          </button>
          <button className="secondary" onClick={() => showView('table')}>
            Show the table
          </button>
        </div>
      </Notice>
    );
  }
  return (
    <div className="h5web" data-theme={currentTheme()}>
      <DataProvider api={api}>
        <Suspense fallback={<Waiting />}>
          <App sidebarOpen={false} initialPath={object.path} disableDarkMode />
        </Suspense>
      </DataProvider>
    </div>
  );
}

/** Bytes of the last two dimensions: what H5Web reads for its first picture. */
export function neededBytes({ dataset }: ViewProps['object']): number {
  if (!dataset?.shape) return 0;
  const { shape } = dataset;
  const shown = shape.slice(-2).reduce((n, d) => n * d, 1);
  return shown * dataset.type.size * (shape.length > 2 && shape.at(-1)! <= 4 ? shape.at(-3)! : 1);
}
