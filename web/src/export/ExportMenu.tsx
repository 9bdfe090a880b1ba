// What can be taken along: the elements that are shown, a picture of the view, a link, a line of code.

import { useEffect, useRef, useState } from 'react';
import { usePlace } from '../app/address';
import { useFile } from '../app/context';
import { messageOf } from '../app/text';
import type { ObjectInfo, Selection, Values } from '../engine/types';
import type { ViewName } from '../model/objectViews';
import { parseSlice, selectionOf } from '../model/slice';
import { Icon, type IconName } from '../ui/icons';
import { h5pyLine, rustLine } from './code';
import { csv } from './csv';
import { npy } from './npy';
import { currentPicture } from './offer';
import { copyText, fileName, save } from './save';

/** What of the dataset the view shows. */
function shownPart(object: ObjectInfo, view: ViewName | undefined, more: Readonly<Record<string, string>>): Selection {
  const shape = object.dataset?.shape;
  if (!shape || shape.length === 0) return [];
  if (view === 'heatmap' || view === 'table') return selectionOf(parseSlice(more.at, shape, 2));
  if (view === 'line') return selectionOf(parseSlice(more.at, shape, 1));
  if (view === 'gallery' && more.row !== undefined) return [Number(more.row), ...shape.slice(1).map(() => null)];
  return shape.map(() => null);
}

export function ExportMenu({ object, view }: { object: ObjectInfo; view: ViewName | undefined }) {
  const { engine, file } = useFile();
  const { more } = usePlace();
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState<{ text: string; bad?: boolean }>();
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    setSaid(undefined);
    const outside = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => event.key === 'Escape' && setOpen(false);
    document.addEventListener('pointerdown', outside);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('keydown', escape);
    };
  }, [open]);

  const selection = shownPart(object, view, more);
  const part = selection.every((s) => s === null) ? '' : selection.map((s) => (s === null ? '' : String(s))).join(',');
  const shown = { file: file.name, path: object.path, type: object.dataset?.type, selection };

  const tell = async (doing: string, task: () => Promise<unknown>, done: string) => {
    setSaid({ text: doing });
    try {
      await task();
      setSaid({ text: done });
    } catch (error) {
      setSaid({ text: messageOf(error), bad: true });
    }
  };
  const elements = (suffix: string, make: (values: Values) => Blob) =>
    tell('Reading…', async () => save(make(await engine.read(object.path, selection)), fileName(object.path, part, suffix)), `Saved as .${suffix}`);
  const paint = () =>
    tell(
      'Painting…',
      async () => {
        const picture = currentPicture();
        if (!picture) throw new Error('This view has no picture');
        save(await picture(), fileName(object.path, part, 'png'));
      },
      'Saved as .png',
    );
  const copy = (what: string, text: string) => tell('…', () => copyText(text), `${what} copied`);

  const hasElements = object.dataset !== undefined && object.dataset.shape !== null;
  const hasPicture = view === 'heatmap' || view === 'line' || view === 'gallery' || view === 'image' || view === 'statistics';
  return (
    <div className="menu-holder" ref={box}>
      <button className="export-button" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)} title="Export and share">
        <Icon name="export" />
        <span>Export</span>
      </button>
      {open && (
        <div className="menu" role="menu" aria-label="Export">
          {hasElements && (
            <>
              <h3>
                Elements <small>{part ? `[${selection.map((s) => (s === null ? ':' : String(s))).join(', ')}]` : 'all'}</small>
              </h3>
              <Item icon="array" label="NPY" note="numpy.load" onPick={() => void elements('npy', npy)} />
              <Item icon="table" label="CSV" note="text, one line a row" onPick={() => void elements('csv', csv)} />
            </>
          )}
          {hasPicture && <Item icon="images" label="PNG of this view" note="with axes" onPick={() => void paint()} />}
          <h3>Copy</h3>
          <Item icon="share" label="Link" note="object, slice and view" onPick={() => void copy('Link', location.href)} />
          <Item icon="text" label="Path" onPick={() => void copy('Path', object.path)} />
          <Item icon="code" label="h5py line" onPick={() => void copy('h5py line', h5pyLine(shown))} />
          <code>{h5pyLine(shown)}</code>
          <Item icon="code" label="Rust line" onPick={() => void copy('Rust line', rustLine(shown))} />
          <code>{rustLine(shown)}</code>
          <p className={said?.bad ? 'said bad' : 'said'} role="status">
            {said?.text}
          </p>
        </div>
      )}
    </div>
  );
}

function Item({ icon, label, note, onPick }: { icon: IconName; label: string; note?: string; onPick: () => void }) {
  return (
    <button role="menuitem" onClick={onPick}>
      <Icon name={icon} />
      <span>{label}</span>
      {note && <small>{note}</small>}
    </button>
  );
}
