import { createContext, useContext } from 'react';
import { useAsync, type Async } from '../ui/useAsync';
import type { Engine, FileInfo, ImageSet, ObjectInfo, Source } from '../engine/types';

export interface OpenFile {
  engine: Engine;
  file: FileInfo;
  source: Source;
  imageSets: ImageSet[];
}

export const FileContext = createContext<OpenFile | undefined>(undefined);

export function useFile(): OpenFile {
  const file = useContext(FileContext);
  if (!file) throw new Error('no file is open');
  return file;
}

const known = new WeakMap<FileInfo, Map<string, Promise<ObjectInfo>>>();

/** What an object's header tells; asked for once while the file is open. */
export function useObject(path: string | undefined): Async<ObjectInfo> {
  const { engine, file } = useFile();
  return useAsync(() => {
    if (path === undefined) return new Promise<never>(() => undefined);
    let objects = known.get(file);
    if (!objects) known.set(file, (objects = new Map()));
    let object = objects.get(path);
    if (!object) {
      object = engine.object(path);
      objects.set(path, object);
      // A failure is not kept: the next look may find the server awake.
      object.catch(() => objects.delete(path));
    }
    return object;
  }, [engine, file, path]);
}

export function useImageSet(path: string | undefined): ImageSet | undefined {
  return useFile().imageSets.find((set) => set.path === path);
}
