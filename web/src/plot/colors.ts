// Colour maps, from a few stops of each; matplotlib's are in the public domain (CC0).

const STOPS = {
  Viridis: '440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725',
  Magma: '000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf',
  Inferno: '000004 160b39 420a68 6a176e 932667 bc3754 dd513a f37819 fca50a f6d746 fcffa4',
  Plasma: '0d0887 41049d 6a00a8 8f0da4 b12a90 cc4778 e16462 f2844b fca636 fcce25 f0f921',
  Cividis: '00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838',
  Turbo: '30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d f36315 d93806 b11901 7a0402',
  Greys: '000000 ffffff',
  'Blue–red': '053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f',
} as const;

export type ColorMap = keyof typeof STOPS;
export const COLOR_MAPS = Object.keys(STOPS) as ColorMap[];

const tables = new Map<string, Uint8ClampedArray>();

/** 256 colours, red, green, blue one after the other. */
export function colorTable(name: ColorMap, inverted = false): Uint8ClampedArray {
  const key = `${name} ${inverted}`;
  const known = tables.get(key);
  if (known) return known;
  const stops = STOPS[name].split(' ').map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  if (inverted) stops.reverse();
  const table = new Uint8ClampedArray(768);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) table[i * 3 + c] = stops[below][c] + (stops[below + 1][c] - stops[below][c]) * (place - below);
  }
  tables.set(key, table);
  return table;
}
