import { useEffect, useState, type ComponentType, type DragEvent } from 'react';
import { Icon } from '../ui/icons';
import { Header } from './Header';
import { openFiles, openFromAddress, useSession, type Session } from './session';
import { onThemeChange } from './theme';
import { messageOf } from './text';
import { Failed, Opening, Welcome } from './Welcome';
import type { WorkspaceProps } from './Workspace';

export function App() {
  const session = useSession();
  const [dragging, setDragging] = useState(false);
  const [, redraw] = useState(0);

  useEffect(openFromAddress, []);
  useEffect(() => onThemeChange(() => redraw((n) => n + 1)), []);

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setDragging(false);
    void openFiles(event.dataTransfer.files);
  };
  const over = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setDragging(true);
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) setDragging(false);
  };

  return (
    <div className="app" onDragOver={over} onDragLeave={leave} onDrop={drop}>
      <Header session={session} onTheme={() => redraw((n) => n + 1)} />
      <Body session={session} />
      {dragging && (
        <div className="drop-veil">
          <div>
            <Icon name="open" size={40} />
            <p>Drop the file to look into it, together with those that it leads to</p>
          </div>
        </div>
      )}
    </div>
  );
}

function Body({ session }: { session: Session }) {
  switch (session.state) {
    case 'empty':
      return <Welcome />;
    case 'opening':
      return <Opening name={session.name} />;
    case 'failed':
      return <Failed session={session} />;
    case 'open':
      return <OpenFile key={session.number} session={session} />;
  }
}

/** The explorer is loaded by a plain import into state: under an outer Suspense, H5Web would fetch everything again and
 * again (its stores live in memos that React discards there). */
function OpenFile({ session }: { session: Extract<Session, { state: 'open' }> }) {
  const [Workspace, setWorkspace] = useState<ComponentType<WorkspaceProps>>();
  const [error, setError] = useState('');
  useEffect(() => {
    import('./Workspace').then(
      (module) => setWorkspace(() => module.Workspace),
      (reason: unknown) => setError(messageOf(reason)),
    );
  }, []);
  if (error) return <Failed session={{ state: 'failed', name: 'A part of this page', text: error }} />;
  if (!Workspace) return <Opening name={session.file.name} />;
  return <Workspace engine={session.engine} file={session.file} source={session.source} />;
}
