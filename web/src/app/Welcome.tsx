// What stands in the middle while no file is open: the way to open one, the wait, the failure.

import { useRef, useState, type FormEvent } from 'react';
import type { ErrorKind } from '../engine/types';
import { Icon } from '../ui/icons';
import { openFiles, openSource, startEngine, type Session } from './session';

export function Welcome() {
  return (
    <main className="welcome">
      <Opener title="Look into an HDF5 file" />
      <p className="promise">
        <Icon name="lock" />
        <span>The file never leaves this machine. It is read here, in this page, and only as much of it as you look at.</span>
      </p>
    </main>
  );
}

function Opener({ title }: { title: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [url, setUrl] = useState('');
  const [problem, setProblem] = useState('');

  const submit = (event: FormEvent) => {
    event.preventDefault();
    try {
      const whole = new URL(url.trim());
      if (whole.protocol !== 'http:' && whole.protocol !== 'https:') throw new Error();
      void openSource({ kind: 'url', url: whole.href });
    } catch {
      setProblem('That is not a web address: it should start with https:// or http://.');
    }
  };

  return (
    <section className="opener" onPointerEnter={() => void startEngine().catch(() => undefined)}>
      <h1>{title}</h1>
      <button className="drop-zone" onClick={() => input.current?.click()}>
        <Icon name="open" size={36} />
        <strong>Drop a file here</strong>
        <span>or click to choose one: .h5 .hdf5 .nc .nxs .mat .keras …</span>
        <span className="faint">several at once, if one leads to the others or it is split over them</span>
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="HDF5 files"
        onChange={(event) => {
          void openFiles(event.target.files);
          event.target.value = '';
        }}
      />
      <form className="open-url" onSubmit={submit}>
        <label htmlFor="url">or open a web address</label>
        <div>
          <input
            id="url"
            type="text"
            inputMode="url"
            autoComplete="off"
            spellCheck={false}
            placeholder="https://example.org/data.h5"
            value={url}
            onChange={(event) => {
              setUrl(event.target.value);
              setProblem('');
            }}
          />
          <button type="submit" disabled={url.trim() === ''}>
            Open
          </button>
        </div>
        <p className="problem" role="alert">
          {problem}
        </p>
      </form>
    </section>
  );
}

export function Opening({ name }: { name: string }) {
  return (
    <main className="welcome">
      <div className="wait" role="status">
        <span className="spinner" />
        <p>
          Opening <b>{name}</b>
        </p>
      </div>
    </main>
  );
}

/** What the reader of the message can do, by the kind of the failure. */
const ADVICE: Partial<Record<ErrorKind, string>> = {
  'no-range':
    'Parts of the file cannot be asked for there, and reading all of it would be the only way. Download it and drop it here, or serve it by a server that answers Range requests (h5manager visualize, nginx, S3 and most others do).',
  'no-cors':
    'The server does not let pages of other origins read this file. Its owner can allow it with Access-Control-Allow-Origin and Access-Control-Expose-Headers: Content-Range; or download the file and drop it here.',
  network: 'Check the address and the connection, then try again.',
  damaged: 'The rest of the file may be whole: h5manager check lists every finding, h5manager recover saves what can be read.',
  'not-found': 'Drop all files here together that it is split over, or put them beside it where it is.',
  changed: 'It was written to while it was read. Open it again when the writer is done.',
};

export function Failed({ session }: { session: Extract<Session, { state: 'failed' }> }) {
  const { again, kind } = session;
  return (
    <main className="welcome">
      <section className="failure" role="alert">
        <Icon name="broken" size={28} />
        <h1>{session.name} could not be opened</h1>
        <p className="reason">{session.text}</p>
        {kind && ADVICE[kind] && <p className="advice">{ADVICE[kind]}</p>}
        {again && (
          <button className="primary" onClick={() => void openSource(again, true)}>
            Try again
          </button>
        )}
      </section>
      <Opener title="Open another file" />
    </main>
  );
}
