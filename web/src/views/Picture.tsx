// One picture: pixels as large as fit, values under the pointer.

import { useMemo } from 'react';
import { useFile } from '../app/context';
import type { ViewProps } from '../app/views';
import type { ImageSet } from '../engine/types';
import { ImageDetail } from '../gallery/ImageDetail';
import { ImageSource } from '../gallery/images';

export function Picture({ object, set: known }: ViewProps) {
  const { engine } = useFile();
  const source = useMemo(() => {
    if (known) return new ImageSource(engine, known);
    const shape = object.dataset!.shape!;
    const planes = shape.length === 3 && shape[2] > 4;
    const set: ImageSet = {
      path: object.path,
      kind: 'gallery',
      paths: [object.path],
      count: 1,
      order: planes ? 'chw' : 'hwc',
      height: planes ? shape[1] : shape[0],
      width: planes ? shape[2] : shape[1],
      channels: shape.length === 2 ? 1 : planes ? shape[0] : shape[2],
      description: object.path,
      chunkRows: 1,
      sure: true,
    };
    return new ImageSource(engine, set);
  }, [engine, object, known]);
  return (
    <div className="picture">
      <ImageDetail source={source} row={0} caption="" />
    </div>
  );
}
