// Each file: open it, visit each object that h5py sees, each of its views once in the file, and compare the first element;
// of the files with a filter, all elements.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exported, failure, firstText, openPage, settled, viewsOf, visit, watch } from './drive.mjs';
import { visualize } from './program.mjs';

/** H5Web draws with WebGL, which is slow without a GPU: it is shown once in each of these. */
const WITH_H5WEB = new Set(['types.h5', 'strings.h5', 'compounds.h5', 'shapes.h5', 'images.h5', 'scan.nxs', 'climate.nc', 'deep16.h5', 'pictures.h5']);

/** Through the program where there is one, as people do it. */
export function fileTests({ manifest, server, binary, folder }) {
  return [everyFilter(manifest), ...Object.entries(manifest).map(([name, objects]) => [
    `file ${name}`,
    async (page) => {
      const program = binary ? await visualize(binary, join(folder, name)) : undefined;
      page.once('close', () => program?.stop());
      const bad = watch(page, program?.origin ?? server.origin);
      await openPage(page, program?.url ?? `${server.url}?file=${server.origin}/files/${name}`);
      assert.equal(await page.$('.failure'), null, `${name} was not opened`);
      const seen = new Set(WITH_H5WEB.has(name) ? [] : ['h5web']);
      for (const [path, object] of Object.entries(objects)) await visitObject(page, path, object, seen);
      if (name.startsWith('filter_')) await compareElements(page, name, folder);
      await visit(page, '/');
      assert.deepEqual(bad, []);
      assert.equal(await page.evaluate(() => window.hacked), undefined, 'a script of the file ran');
    },
  ])];
}

/** A filter that comes into the engine comes into these tests. */
function everyFilter(manifest) {
  return [
    'every filter of the engine has a file',
    async () => {
      const registry = readFileSync(new URL('../../src/filters/registry.rs', import.meta.url), 'utf8');
      const arms = /fn included[^]*?\n}/.exec(registry)[0].matchAll(/^ {8}([\w| ]+) => Arc::new/gm);
      const ids = [...arms].flatMap(([, ids]) => ids.split('|').map((id) => (id.trim() === 'LZF' ? 32000 : Number(id))));
      assert.ok(ids.length >= 20 && ids.every(Number.isFinite), ids.join());
      const seen = new Set(Object.values(manifest).flatMap((objects) => Object.values(objects).flatMap((object) => object.filters ?? [])));
      assert.deepEqual([1, 2, 3, ...ids].filter((id) => !seen.has(id)), []);
    },
  ];
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

/** What the page saves is what h5py read, byte for byte. */
async function compareElements(page, file, folder) {
  const name = file.slice('filter_'.length, -'.h5'.length);
  const expected = readFileSync(join(folder, file.replace(/h5$/, 'npy')));
  for (const view of ['heatmap', 'table']) {
    await visit(page, `/${name}`, view);
    assert.equal(await failure(page), undefined, `${name} as ${view}`);
  }
  const saved = readFileSync(await exported(page, folder, 'NPY'));
  const split = (npy) => [npy.subarray(10, 10 + npy.readUInt16LE(8)).toString().trim(), npy.subarray(10 + npy.readUInt16LE(8))];
  const [[head, bytes], [wantedHead, wanted]] = [split(saved), split(expected)];
  const facts = (text) => [/'descr': '([^']*)'/.exec(text)[1], /'shape': \(([^)]*)\)/.exec(text)[1]];
  assert.deepEqual(facts(head), facts(wantedHead), name);
  assert.ok(bytes.equals(wanted), `${name}: other values than h5py reads`);
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
