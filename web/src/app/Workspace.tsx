// An open file: the tree on the left, the object in the middle, what is known about it on the right.

import { useEffect, useMemo, useRef, useState } from 'react';
import type { Engine, FileInfo, ImageSet, Source } from '../engine/types';
import { Inspector } from '../inspector/Inspector';
import { SearchResults } from '../tree/Search';
import { Tree } from '../tree/Tree';
import { Icon } from '../ui/icons';
import { useAsync } from '../ui/useAsync';
import { goTo, usePlace } from './address';
import { FileContext } from './context';
import { Keys } from './Keys';
import { ObjectPage } from './ObjectPage';
import './workspace.css';

export interface WorkspaceProps {
  engine: Engine;
  file: FileInfo;
  source: Source;
}

const WIDE = window.matchMedia('(min-width: 1100px)');

export function Workspace({ engine, file, source }: WorkspaceProps) {
  const { path } = usePlace();
  const sets = useAsync((signal) => engine.imageSets({ signal }), [engine, file]);
  const imageSets = sets.value;
  const [drawer, setDrawer] = useState(false);
  const [inspecting, setInspecting] = useState(WIDE.matches);
  const [search, setSearch] = useState('');
  const searchBox = useRef<HTMLInputElement>(null);

  // Nobody has to click: a file with images opens as their contact sheet, any other at its root.
  useEffect(() => {
    if (path !== undefined || sets.state === 'waiting') return;
    goTo(imageSets?.[0]?.path ?? '/');
  }, [path, sets.state, imageSets]);

  const context = useMemo(() => ({ engine, file, source, imageSets: imageSets ?? [] }), [engine, file, source, imageSets]);
  const paths = useMemo(() => new Set((imageSets ?? []).map((set: ImageSet) => set.path)), [imageSets]);
  const closeDrawer = () => setDrawer(false);
  const text = search.trim();

  return (
    <FileContext.Provider value={context}>
      <div className={`workspace${inspecting ? ' with-inspector' : ''}${drawer ? ' drawer-open' : ''}`}>
        <nav className="sidebar" aria-label="File">
          <div className="search-box">
            <Icon name="search" />
            <input
              ref={searchBox}
              type="search"
              placeholder="Search names and attributes"
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
            <Tree engine={engine} imageSets={paths} onPick={closeDrawer} />
          </div>
          {text !== '' && <SearchResults engine={engine} text={text} onPick={closeDrawer} />}
        </nav>
        <button className="scrim" aria-label="Close the tree" onClick={closeDrawer} tabIndex={drawer ? 0 : -1} />
        <ObjectPage
          inspecting={inspecting}
          onInspect={() => setInspecting(!inspecting)}
          onTree={() => setDrawer(!drawer)}
          looking={sets.state === 'waiting'}
        />
        {inspecting && path !== undefined && <Inspector path={path} onClose={() => setInspecting(false)} />}
        <Keys onSearch={() => searchBox.current?.focus()} onInspect={() => setInspecting((now) => !now)} />
      </div>
    </FileContext.Provider>
  );
}
