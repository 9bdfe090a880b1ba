// Through the program itself: `h5manager visualize` as people start it.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { currentView, openPage, settled, visit, watch } from './drive.mjs';
import { visualize } from './program.mjs';

export function serverTests({ binary, folder }) {
  if (!binary) {
    console.log('NOTE: H5MANAGER_BIN is not set; what goes through the program was not run');
    return [];
  }
  /** Serves a file while a test runs. */
  const served = (name, inside, test) => async (page) => {
    const program = await visualize(binary, `${join(folder, name)}${inside}`);
    try {
      await test(page, program);
    } finally {
      await program.stop();
    }
  };
  return [
    [
      'program: an image set opens as its contact sheet',
      served('images.h5', '', async (page, program) => {
        const bad = watch(page, program.origin);
        await openPage(page, program.url);
        await settled(page, '/images');
        assert.equal(await currentView(page), 'gallery');
        assert.equal(await page.textContent('.file-name'), 'images.h5');
        assert.deepEqual(bad, []);
      }),
    ],
    [
      'program: FILE::/path opens at the object',
      served('scan.nxs', '::/entry/data/angle', async (page, program) => {
        await openPage(page, program.url);
        await settled(page, '/entry/data/angle');
      }),
    ],
    [
      'program: nothing is had without the token, under another name, or from another page',
      served('shapes.h5', '', async (_, program) => {
        const { hostname, port, pathname } = new URL(program.url);
        const status = (path, headers = {}) =>
          new Promise((done, failed) => {
            const asked = request({ hostname, port, path, headers }, (response) => {
              response.resume();
              done(response.statusCode);
            });
            asked.on('error', failed);
            asked.end();
          });
        assert.equal(await status(pathname), 200);
        assert.equal(await status(`${pathname}files/shapes.h5`), 200);
        assert.equal(await status('/'), 404);
        assert.equal(await status('/files/shapes.h5'), 404);
        assert.equal(await status(`${pathname}files/none.h5`), 404);
        for (const outside of ['../../../../etc/passwd', '%2Fetc%2Fpasswd', '..%2F..%2Fpackage.json']) {
          for (const kind of ['files', 'raw']) assert.notEqual(await status(`${pathname}${kind}/${outside}`), 200, outside);
        }
        assert.equal(await status(pathname, { Host: `evil.example:${port}` }), 403);
        assert.equal(await status(`${pathname}files/shapes.h5`, { Origin: 'http://evil.example' }), 403);
      }),
    ],
    [
      'program: 100 GB open in a few requests',
      served('giant.h5', '', async (page, program) => {
        await openPage(page, program.url);
        await settled(page, '/');
        assert.equal(await page.textContent('.file-size'), '100 GB');
        const read = () => page.$eval('.traffic', (t) => [Number(t.dataset.requests), Number(t.dataset.bytes)]);
        await page.waitForFunction(() => Number(document.querySelector('.traffic').dataset.requests) > 0);
        assert.ok((await read())[0] <= 6, `${await read()}`);
        await visit(page, '/field');
        assert.equal(await currentView(page), 'heatmap');
        await visit(page, '/field', 'table', { row: '62500' });
        // A window of the table is a request for each row, which are 800 kB apart.
        await page.waitForTimeout(200);
        const [requests, bytes] = await read();
        assert.ok(requests < 200, `${requests} requests`);
        assert.ok(bytes < 100e6, `${bytes} bytes`);
      }),
    ],
    [
      'program: a file of an odd name, changed while it is looked at',
      async (page) => {
        const odd = join(folder, 'odd # 100% ü');
        mkdirSync(odd, { recursive: true });
        const file = join(odd, "it's a <b>file & more?.h5");
        copyFileSync(join(folder, 'empty.h5'), file);
        const program = await visualize(binary, file);
        try {
          await openPage(page, program.url);
          await page.waitForSelector('.tree-empty');
          assert.equal(await page.textContent('.file-name'), "it's a <b>file & more?.h5");
          copyFileSync(join(folder, 'shapes.h5'), file);
          await page.waitForSelector('.changed', { timeout: 9000 });
          await page.click('.changed');
          await page.waitForSelector('.tree-row[data-path="/cube"]');
        } finally {
          await program.stop();
        }
      },
    ],
  ];
}
