// Where the bytes of an object lie in the file: a bar of the whole file, and the list of pieces.

import { useState } from 'react';
import { useFile } from '../app/context';
import { bytes, count } from '../app/text';
import { useAsync } from '../ui/useAsync';

export function Whereabouts({ path }: { path: string }) {
  const { engine, file } = useFile();
  const [most, setMost] = useState(12);
  const explained = useAsync((signal) => engine.explain(path, { signal }), [engine, path]);
  if (explained.state === 'failed') return <p className="bad-text">{(explained.error as Error).message}</p>;
  if (!explained.value) return <p className="faint">Looking…</p>;
  const { pieces, faults, truncated } = explained.value;
  return (
    <div className="whereabouts">
      <svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label="Places in the file">
        <rect width="1000" height="24" className="file" />
        {pieces.map((piece, i) => (
          <rect
            key={i}
            className={piece.isData ? 'data' : 'metadata'}
            x={(piece.position / file.size) * 1000}
            width={Math.max(1.5, (piece.length / file.size) * 1000)}
            height="24"
          />
        ))}
      </svg>
      <p className="faint">
        {bytes(explained.value.bytes)} of {bytes(file.size)} <i className="key data" /> elements <i className="key metadata" /> what leads to them
      </p>
      <table>
        <tbody>
          {pieces.slice(0, most).map((piece, i) => (
            <tr key={i} title={piece.note}>
              <td className="mono">0x{piece.position.toString(16)}</td>
              <td>{piece.what}</td>
              <td className="number">{count(piece.length)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {pieces.length > most && (
        <button className="text-button" onClick={() => setMost(most * 8)}>
          {count(pieces.length - most)} more{truncated && ' (and the list was cut)'}
        </button>
      )}
      {faults.map((fault, i) => (
        <p key={i} className="bad-text">
          {fault}
        </p>
      ))}
    </div>
  );
}
