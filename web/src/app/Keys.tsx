// Keys that work everywhere on the page, and the list of all keys.

import { useEffect, useRef } from 'react';

const KEYS: [string, string][] = [
  ['/', 'search names and attributes'],
  ['↑ ↓ ← →', 'through the tree, open and close groups'],
  ['Enter', 'show the object; in the contact sheet, the image'],
  ['1 … 9', 'the views of the object'],
  ['i', 'the inspector'],
  ['n p', 'contact sheet: the next page, the one before'],
  ['g', 'go to a row'],
  ['c', 'contact sheet: choose a class'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

export function Keys({ onSearch, onInspect }: { onSearch: () => void; onInspect: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '/') onSearch();
      else if (event.key === '?') dialog.current?.showModal();
      else if (event.key === 'i') onInspect();
      else if (/^[1-9]$/.test(event.key)) document.querySelectorAll<HTMLElement>('.views [role=tab]')[Number(event.key) - 1]?.click();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  });
  return (
    <dialog ref={dialog} className="keys" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <h2>Keys</h2>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((k) => (k === '…' ? ' … ' : <kbd key={k}>{k}</kbd>))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button className="primary">Close</button>
      </form>
    </dialog>
  );
}
