import { useEffect, useState } from 'react';
import type { Engine, Source, Stats } from '../engine/types';
import { Icon } from '../ui/icons';
import { goTo } from './address';
import { closeFile, openAmong, reopen, type Session } from './session';
import { bytes, count, plural } from './text';
import { chooseTheme, currentTheme } from './theme';

export function Header({ session, onTheme }: { session: Session; onTheme: () => void }) {
  const theme = currentTheme();
  const toggle = () => {
    chooseTheme(theme === 'dark' ? 'light' : 'dark');
    onTheme();
  };
  return (
    <header className="header">
      <button className="brand" onClick={closeFile} title="Close the file, open another">
        <Mark />
        <span>h5manager</span>
      </button>
      {session.state === 'open' && (
        <>
          <button className="file-name" onClick={() => goTo('/')} title={`${session.file.name} · root group`}>
            {session.file.name}
          </button>
          <Together source={session.source} />
          <span className="file-size">{bytes(session.file.size)}</span>
          <Changed engine={session.engine} isNear={isNear(session.source)} />
        </>
      )}
      <span className="spacer" />
      {session.state === 'open' && <Traffic engine={session.engine} />}
      {session.state === 'open' && (
        <button className="icon-button" onClick={closeFile} title="Open another file" aria-label="Open another file">
          <Icon name="open" size={18} />
        </button>
      )}
      <button
        className="icon-button"
        onClick={toggle}
        title={theme === 'dark' ? 'Light colours' : 'Dark colours'}
        aria-label={theme === 'dark' ? 'Light colours' : 'Dark colours'}
      >
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} size={18} />
      </button>
    </header>
  );
}

/** The files that were given together: which one is shown. */
function Together({ source }: { source: Source }) {
  if (source.kind !== 'file' || !source.others || source.others.length === 0) return null;
  const all = [source.file, ...source.others].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <select
      className="together"
      aria-label="Which of the files is shown"
      title={`${all.length} files were given together`}
      value={all.indexOf(source.file)}
      onChange={(event) => openAmong(all, all[Number(event.target.value)]!)}
    >
      {all.map((file, i) => (
        <option key={i} value={i}>
          {file.name}
        </option>
      ))}
    </select>
  );
}

function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true" className="mark">
      <rect width="10" height="10" rx="2.5" />
      <rect x="12" width="10" height="10" rx="2.5" opacity=".75" />
      <rect y="12" width="10" height="10" rx="2.5" opacity=".5" />
      <rect x="12" y="12" width="10" height="10" rx="2.5" opacity=".28" />
    </svg>
  );
}

/** How much of the file was read so far: the proof that nothing else was. */
function Traffic({ engine }: { engine: Engine }) {
  const [stats, setStats] = useState<Stats>(engine.stats);
  useEffect(() => engine.onStats((next) => setStats({ ...next })), [engine]);
  const share = stats.size > 0 ? Math.min(1, stats.bytes / stats.size) : 0;
  return (
    <span
      className={`traffic${stats.waiting > 0 ? ' busy' : ''}`}
      title={`${plural(stats.requests, 'request')}, ${count(stats.bytes)} of ${count(stats.size)} bytes`}
      data-requests={stats.requests}
      data-bytes={stats.bytes}
    >
      <span className="dot" />
      <span>
        {bytes(stats.bytes)} read
        <small>
          {plural(stats.requests, 'request')} · {share < 0.01 ? '<1' : Math.round(share * 100)}%
        </small>
      </span>
    </span>
  );
}

/** On this machine, where asking costs nothing. */
function isNear(source: Source): boolean {
  return source.kind !== 'url' || ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(source.url).hostname);
}

/** Looks whether the file is still the one that was opened: when the page is come back to and, for a near one, every few
 * seconds while the page is seen. */
function Changed({ engine, isNear }: { engine: Engine; isNear: boolean }) {
  const [changed, setChanged] = useState(false);
  useEffect(() => {
    let stopped = false;
    const look = async () => {
      if (document.hidden || stopped) return;
      const is = await engine.hasChanged().catch(() => false);
      if (!stopped && is) setChanged(true);
    };
    const timer = isNear ? setInterval(() => void look(), 4000) : undefined;
    const seen = () => void look();
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('focus', seen);
    return () => {
      stopped = true;
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      window.removeEventListener('focus', seen);
    };
  }, [engine, isNear]);
  if (!changed) return null;
  return (
    <button className="changed" onClick={reopen} title="The file, or one that it leads to, was changed or has come since it was opened">
      <Icon name="reload" />
      <span>File changed: reload</span>
    </button>
  );
}
