// What the view that is on the screen can give besides its elements: a picture of itself.

import { useEffect, useRef } from 'react';

type Picture = () => Promise<Blob>;
let picture: Picture | undefined;

export function currentPicture(): Picture | undefined {
  return picture;
}

/** While the view is shown, `make` paints it. */
export function useOfferPicture(make: Picture): void {
  const latest = useRef(make);
  latest.current = make;
  useEffect(() => {
    const mine: Picture = () => latest.current();
    picture = mine;
    return () => {
      if (picture === mine) picture = undefined;
    };
  }, []);
}

export function canvasBlob(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('The picture is too large for this browser'))), 'image/png'),
  );
}
