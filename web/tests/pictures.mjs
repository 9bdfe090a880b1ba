// The pictures of docs/viewer.md, at three sizes, dark and light.
//
//     node tests/pictures.mjs FOLDER_WITH_FILES OUT [PART OF A NAME]
//
// FOLDER holds merged.h5 (made by `h5manager convert` of fixtures/photos), run.h5 and damaged.h5 (made by make_files.py).

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBrowser } from './browser.mjs';
import { openPage, settled } from './drive.mjs';
import { serve } from './serve.mjs';

const [files, out, only = ''] = process.argv.slice(2);
const WIDE = { width: 1440, height: 900 };
const TABLET = { width: 1024, height: 768 };
const PHONE = { width: 390, height: 844 };

/** Name, file and place, size, theme, what is done first. */
const PICTURES = [
  ['sheet-light', 'merged.h5', WIDE, 'light'],
  ['sheet-dark', 'merged.h5', WIDE, 'dark'],
  ['sheet-tablet', 'merged.h5', TABLET, 'dark'],
  ['phone', 'merged.h5', PHONE, 'light'],
  ['phone-dark', 'run.h5#/atmosphere/t2m?at=3,y,x', PHONE, 'dark'],
  ['detail-dark', 'merged.h5#/images?row=20', WIDE, 'dark', (page) => page.mouse.move(1200, 330)],
  ['compare-light', 'merged.h5#/images?row=14&cmp=19', WIDE, 'light'],
  ['statistics-light', 'merged.h5#/images?view=statistics', WIDE, 'light'],
  ['heatmap-light', 'run.h5#/atmosphere/t2m?at=3,y,x', WIDE, 'light', (page) => page.mouse.move(700, 500)],
  ['heatmap-tablet', 'run.h5#/atmosphere/t2m?at=3,y,x&map=Magma', TABLET, 'light'],
  ['line-dark', 'run.h5#/detector/spectrum', WIDE, 'dark', (page) => page.mouse.move(640, 420)],
  ['table-dark', 'run.h5#/events', WIDE, 'dark'],
  ['h5web-dark', 'run.h5#/detector/phase', WIDE, 'dark', (page) => page.waitForTimeout(2500)],
  ['export-light', 'run.h5#/atmosphere/t2m?at=3,y,x', WIDE, 'light', (page) => page.click('.export-button')],
  ['damaged-light', 'damaged.h5#/broken', WIDE, 'light'],
];

mkdirSync(out, { recursive: true });
const page = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const server = await serve({ page, files });
const browser = await startBrowser();
const tab = await browser.context.newPage();
for (const [name, place, size, colorScheme, first] of PICTURES) {
  if (!name.includes(only)) continue;
  await tab.setViewportSize(size);
  await tab.emulateMedia({ colorScheme });
  const [file, hash = ''] = place.split('#');
  await openPage(tab, `${server.url}?file=files/${file}${hash && `#${hash}`}`);
  await settled(tab);
  await tab.waitForTimeout(600);
  await first?.(tab);
  await tab.waitForTimeout(300);
  await tab.screenshot({ path: join(out, `${name}.png`) });
  console.log(name);
}
await browser.close();
await server.close();
