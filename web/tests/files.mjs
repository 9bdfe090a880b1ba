// Each file: open it, visit each object that h5py sees, each of its views once in the file, and compare the first element.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { failure, firstText, openPage, settled, viewsOf, visit, watch } from './drive.mjs';
import { visualize } from './program.mjs';

/** H5Web draws with WebGL, which is slow without a GPU: it is shown once in each of these. */
const WITH_H5WEB = new Set(['types.h5', 'strings.h5', 'compounds.h5', 'shapes.h5', 'images.h5', 'scan.nxs', 'climate.nc', 'deep16.h5', 'pictures.h5']);

/** Through the program where there is one, as people do it. */
export function fileTests({ manifest, server, binary, folder }) {
  return Object.entries(manifest).map(([name, objects]) => [
    `file ${name}`,
    async (page) => {
      const program = binary ? await visualize(binary, join(folder, name)) : undefined;
      page.once('close', () => program?.stop());
      const bad = watch(page, program?.origin ?? server.origin);
      await openPage(page, program?.url ?? `${server.url}?file=${server.origin}/files/${name}`);
      assert.equal(await page.$('.failure'), null, `${name} was not opened`);
      const seen = new Set(WITH_H5WEB.has(name) ? [] : ['h5web']);
      for (const [path, object] of Object.entries(objects)) await visitObject(page, path, object, seen);
      await visit(page, '/');
      assert.deepEqual(bad, []);
      assert.equal(await page.evaluate(() => window.hacked), undefined, 'a script of the file ran');
    },
  ]);
}

async function visitObject(page, path, object, seen) {
  await visit(page, path);
  assert.equal(await failure(page), undefined, path);
  const views = await viewsOf(page);
  for (const view of views) {
    if (seen.has(view)) continue;
    seen.add(view);
    await visit(page, path, view);
    if (view === 'h5web') await h5webDrew(page);
    assert.equal(await failure(page), undefined, `${path} as ${view}`);
  }
  if (object.kind !== 'dataset' || object.first === null || object.first === undefined) return;
  if (views.includes('table')) await visit(page, path, 'table');
  await settled(page, path);
  const text = await firstText(page);
  // JSON is laid out for the eye.
  const shown = object.first.startsWith('{') ? text?.replace(/\s+/g, '') : text?.slice(0, 200);
  const expected = object.first.startsWith('{') ? object.first.replace(/\s+/g, '') : object.first.slice(0, 200);
  assert.equal(shown, expected, `first element of ${path}`);
}

/** H5Web shows a plot, a matrix, a value or our refusal; not its own error. */
async function h5webDrew(page) {
  await page.waitForFunction(
    () => {
      const view = document.querySelector('.view');
      if (view.querySelector('.notice-actions')) return true;
      return view.querySelector('.h5web canvas, .h5web svg, .h5web [role=table], .h5web [role=figure], .h5web p') && !view.querySelector('.notice.waiting');
    },
    undefined,
    { timeout: 15000 },
  );
  const text = await page.evaluate(() => document.querySelector('.h5web')?.innerText ?? '');
  assert.doesNotMatch(text, /Error|went wrong|rror:/);
}
