// An open file: the tree on the left, the object in the middle, what is known about it on the right.

import { useEffect, useMemo, useRef, useState } from 'react';
import type { Engine, FileInfo, ObjectInfo, Source } from '../engine/types';
import { Inspector } from '../inspector/Inspector';
import { SearchResults } from '../tree/Search';
import { Tree } from '../tree/Tree';
import { Icon } from '../ui/icons';
import { useAsync } from '../ui/useAsync';
import { goTo, usePlace } from './address';
import { FileContext, useObject, type OpenFile } from './context';
import { Keys } from './Keys';
import { ObjectPage } from './ObjectPage';
import './workspace.css';

export interface WorkspaceProps {
  engine: Engine;
  file: FileInfo;
  source: Source;
}

const WIDE = window.matchMedia('(min-width: 1100px)');

/** How long an object that may be images waits for the word whether it is a set of them. */
const PATIENCE = 1500;

export function Workspace({ engine, file, source }: WorkspaceProps) {
  const sets = useAsync((signal) => engine.imageSets({ signal }), [engine, file]);
  const imageSets = sets.value;
  const context = useMemo(() => ({ engine, file, source, imageSets: imageSets ?? [] }), [engine, file, source, imageSets]);
  return (
    <FileContext.Provider value={context}>
      <Rooms context={context} looking={sets.state === 'waiting'} />
    </FileContext.Provider>
  );
}

function Rooms({ context, looking }: { context: OpenFile; looking: boolean }) {
  const { engine, file, imageSets } = context;
  const { path, view } = usePlace();
  const object = useObject(path);
  const [drawer, setDrawer] = useState(false);
  const [search, setSearch] = useState('');
  const searchBox = useRef<HTMLInputElement>(null);

  const [patient, setPatient] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setPatient(false), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  // Nothing is shown that would be replaced in a moment by the contact sheet.
  const pending = looking && (path === undefined || (patient && object.value !== undefined && mayBeImages(object.value)));

  // The inspector is open beside plots and tables; images need the room themselves. Whoever pressed its button decides.
  const [wanted, setWanted] = useState<boolean>();
  const set = imageSets.find((one) => one.path === path);
  const isSheet = view === undefined ? set?.sure === true : view === 'gallery' || view === 'statistics';
  const inspecting = wanted ?? (WIDE.matches && !pending && !(set && isSheet));

  // Nobody has to click: a file with images opens as their contact sheet, any other at its root.
  useEffect(() => {
    if (path !== undefined || looking) return;
    goTo(imageSets.find((one) => one.sure)?.path ?? '/');
  }, [path, looking, imageSets]);

  const setsByPath = useMemo(() => new Map(imageSets.map((one) => [one.path, one])), [imageSets]);
  const closeDrawer = () => setDrawer(false);
  const text = search.trim();

  return (
    <div className={`workspace${drawer ? ' drawer-open' : ''}`}>
      <nav className="sidebar" aria-label="File">
        <div className="search-box">
          <Icon name="search" />
          <input
            ref={searchBox}
            type="search"
            placeholder="Search names, attributes"
            aria-label="Search names and attributes"
            value={search}
            spellCheck={false}
            onChange={(event) => setSearch(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setSearch('');
            }}
          />
          <kbd>/</kbd>
        </div>
        <button
          className={`tree-root${path === '/' ? ' selected' : ''}`}
          onClick={() => {
            goTo('/');
            closeDrawer();
          }}
        >
          <Icon name="home" />
          <span className="tree-name">{file.name}</span>
        </button>
        {/* The tree stays behind the results: where it was scrolled to and what was open is not lost. */}
        <div className="tree-holder" hidden={text !== ''}>
          <Tree engine={engine} imageSets={setsByPath} onPick={closeDrawer} />
        </div>
        {text !== '' && <SearchResults engine={engine} text={text} onPick={closeDrawer} />}
      </nav>
      <button className="scrim" aria-label="Close the tree" onClick={closeDrawer} tabIndex={drawer ? 0 : -1} />
      <ObjectPage inspecting={inspecting} onInspect={() => setWanted(!inspecting)} onTree={() => setDrawer(!drawer)} pending={pending} />
      {inspecting && path !== undefined && <Inspector path={path} onClose={() => setWanted(false)} />}
      <Keys onSearch={() => searchBox.current?.focus()} onInspect={() => setWanted(!inspecting)} />
    </div>
  );
}

/** Whether an object could turn out to be a set of images. */
function mayBeImages({ kind, dataset }: ObjectInfo): boolean {
  if (kind === 'group') return false;
  const shape = dataset?.shape;
  if (!shape) return false;
  return shape.length >= 3 || (shape.length === 1 && (dataset.type.class === 'vlen' || dataset.type.class === 'opaque'));
}
