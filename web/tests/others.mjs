// A file that leads to others: by external links, a virtual dataset, raw data. From a server, dropped, from the program.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { drop, failure, openPage, settled, visit, watch } from './drive.mjs';
import { visualize } from './program.mjs';
import { serve } from './serve.mjs';

const FILES = ['others/linked.h5', 'others/deeper.h5', 'others/part0.h5', 'others/part1.h5', 'others/raw.bin'];

const cell = (page, row) => page.textContent(`.grid-row[aria-rowindex="${row}"] .cell`);

/** What leads to a file that is there is shown with that file's values. */
async function leadsOn(page) {
  await visit(page, '/linked/data', 'table');
  assert.equal(await cell(page, 2), '11');
  await visit(page, '/linked/deeper', 'table');
  assert.equal(await cell(page, 1), '70');
  await visit(page, '/linked/back', 'table');
  assert.equal(await cell(page, 4), '3');
  await visit(page, '/raw', 'table');
  assert.equal(await cell(page, 2), '506');
  await visit(page, '/virtual', 'table');
  assert.deepEqual([await cell(page, 1), await cell(page, 2), await cell(page, 3)], ['100', '200', '-1']);
  // The source that is not there is named.
  await page.waitForSelector('.not-there');
  assert.equal(await page.textContent('.not-there b'), 'others/part2.h5');
}

/** What leads to none says which and what to do, and the page goes on. */
async function leadsNowhere(page, advice) {
  for (const [path, name] of [
    ['/gone', 'others/gone.h5'],
    ['/raw gone', 'others/none.bin'],
    ['/outside', 'outside.h5'],
  ]) {
    await visit(page, path, path === '/raw gone' ? 'table' : undefined);
    const text = (await failure(page)) ?? '';
    assert.ok(text.includes(name), `${path}: ${text}`);
    if (advice) assert.match(text, advice, path);
  }
  await visit(page, '/own', 'table');
  assert.equal(await cell(page, 4), '3');
}

/** All of a file that is split over several is there. */
async function isWhole(page) {
  await visit(page, '/before', 'table');
  assert.equal(await cell(page, 5), '12');
  await visit(page, '/field', 'table', { row: 299 });
  assert.equal(await cell(page, 300), '59800');
  await visit(page, '/plain', 'table', { row: 39 });
  assert.equal(await cell(page, 40), '19500');
}

export function otherFileTests({ server, dist, folder, binary }) {
  const tests = [
    [
      'other files beside a URL are followed, and nothing outside its folder is asked for',
      async (page) => {
        const own = await serve({ page: dist, files: folder });
        const bad = watch(page, own.origin);
        await openPage(page, `${own.url}?file=files/leads_on.h5#/`);
        await leadsOn(page);
        await leadsNowhere(page, /there|outside/);
        assert.deepEqual(bad, []);
        assert.deepEqual(own.seen.other.filter((path) => !path.startsWith('/assets/') && path !== '/favicon.ico'), []);
        assert.ok(own.seen.paths.every((path) => path.startsWith('/files/')), own.seen.paths.join());
        await own.close();
      },
    ],
    [
      'files that are dropped together are neighbours',
      async (page) => {
        await page.goto(server.url);
        await drop(page, folder, 'leads_on.h5', ...FILES);
        await page.waitForSelector('.object[data-state=done]');
        await leadsOn(page);
        await leadsNowhere(page);
        // Each of them can be looked at.
        await page.selectOption('.together', { label: 'deeper.h5' });
        await page.waitForFunction(() => document.querySelector('.file-name')?.textContent === 'deeper.h5');
        // Opening it goes to its root; what is asked for before that would be lost.
        await settled(page, '/');
        await visit(page, '/x', 'table');
        assert.equal(await cell(page, 1), '70');
      },
    ],
    [
      'a file that is dropped alone says what is missing, and goes on',
      async (page) => {
        await page.goto(server.url);
        await drop(page, folder, 'leads_on.h5');
        await page.waitForSelector('.object[data-state=done]');
        await visit(page, '/linked');
        assert.match(await failure(page), /others\/linked\.h5.*drop it together with leads_on\.h5/);
        await visit(page, '/virtual', 'table');
        assert.match(await page.textContent('.view'), /others\/part0\.h5.*drop it together/);
        await visit(page, '/own', 'table');
        assert.equal(await cell(page, 4), '3');
      },
    ],
    [
      'a file that is split over several opens from a server by any of its parts',
      async (page) => {
        for (const name of ['fam0.h5', 'fam2.h5', 'apart-m.h5', 'apart-r.h5']) {
          const bad = watch(page, server.origin);
          await openPage(page, `${server.url}?file=${server.origin}/files/parts/${name}#/`);
          assert.equal(await page.textContent('.file-name'), name);
          await isWhole(page);
          assert.deepEqual(bad, []);
        }
      },
    ],
    [
      'the parts of a split file that are dropped together are one file, in whatever order',
      async (page) => {
        const family = readdirSync(join(folder, 'parts')).filter((name) => name.startsWith('fam'));
        assert.ok(family.length >= 3, family.join());
        for (const parts of [family.toReversed(), ['apart-r.h5', 'apart-m.h5']]) {
          await page.goto(server.url);
          await drop(page, folder, ...parts.map((name) => `parts/${name}`));
          await page.waitForSelector('.object[data-state=done]');
          await isWhole(page);
        }
        // One is not among them.
        await page.goto(server.url);
        await drop(page, folder, ...family.filter((name) => name !== 'fam1.h5').map((name) => `parts/${name}`));
        assert.match(await page.textContent('.failure'), /family of \d+ files, of which fam1\.h5 is missing/);
        await page.goto(server.url);
        await drop(page, folder, 'parts/fam1.h5');
        assert.match(await page.textContent('.failure'), /part of a split file, fam0\.h5 is missing/);
        await page.goto(server.url);
        await drop(page, folder, 'parts/apart-m.h5');
        assert.match(await page.textContent('.failure'), /split file, of which apart-r\.h5 is missing/);
        assert.match(await page.textContent('.failure'), /Drop all files/);
      },
    ],
    [
      'what is dropped first need not be the file itself',
      async (page) => {
        await page.goto(server.url);
        await drop(page, folder, 'others/raw.bin', 'leads_on.h5');
        await page.waitForFunction(() => document.querySelector('.file-name')?.textContent === 'leads_on.h5');
        await visit(page, '/raw', 'table');
        assert.equal(await cell(page, 2), '506');
      },
    ],
  ];
  if (!binary) return tests;
  return [
    ...tests,
    [
      'program: other files are served where the policy allows',
      async (page) => {
        const program = await visualize(binary, join(folder, 'leads_on.h5'));
        try {
          const bad = watch(page, program.origin);
          await openPage(page, program.url);
          await leadsOn(page);
          await leadsNowhere(page);
          await visit(page, '/outside');
          assert.match(await failure(page), /outside\.h5.*--external/);
          await visit(page, '/absolute');
          assert.match(await failure(page), /passwd.*--external/);
          assert.deepEqual(bad, []);
        } finally {
          await program.stop();
        }
        // The same with another policy.
        const denied = await visualize(binary, join(folder, 'leads_on.h5'), '--external', 'deny');
        try {
          await openPage(page, denied.url);
          await visit(page, '/linked');
          assert.match(await failure(page), /may not be read.*--external/);
          await visit(page, '/own', 'table');
          assert.equal(await cell(page, 4), '3');
        } finally {
          await denied.stop();
        }
      },
    ],
    [
      'program: what lies above the folder, with --external FOLDER; a symbolic link out is none',
      async (page) => {
        const below = join(folder, 'below');
        mkdirSync(join(below, 'others'), { recursive: true });
        copyFileSync(join(folder, 'leads_on.h5'), join(below, 'leads_on.h5'));
        copyFileSync(join(folder, 'shapes.h5'), join(folder, 'outside.h5'));
        symlinkSync(join(folder, 'others/linked.h5'), join(below, 'others/linked.h5'));
        const program = await visualize(binary, join(below, 'leads_on.h5'));
        try {
          await openPage(page, program.url);
          await visit(page, '/linked');
          assert.match(await failure(page), /linked\.h5.*--external/);
        } finally {
          await program.stop();
        }
        const wider = await visualize(binary, join(below, 'leads_on.h5'), '--external', folder);
        try {
          await openPage(page, wider.url);
          await visit(page, '/linked/data', 'table');
          assert.equal(await cell(page, 2), '11');
          await visit(page, '/outside');
          // The file is had; it has no /x.
          assert.doesNotMatch(await failure(page), /--external|not there/);
        } finally {
          await wider.stop();
        }
      },
    ],
    [
      'program: a split file is named by its pattern or by any part, whatever may be read besides',
      async (page) => {
        for (const [name, ...options] of [['fam%d.h5'], ['fam1.h5', '--external', 'deny'], ['apart-m.h5', '--external', 'deny']]) {
          const program = await visualize(binary, join(folder, 'parts', name), ...options);
          try {
            const bad = watch(page, program.origin);
            await openPage(page, program.url);
            await isWhole(page);
            assert.deepEqual(bad, []);
          } finally {
            await program.stop();
          }
        }
      },
    ],
    [
      'program: another file that comes, or changes, is noticed while the page is open',
      async (page) => {
        const coming = join(folder, 'coming');
        rmSync(coming, { recursive: true, force: true });
        mkdirSync(join(coming, 'others'), { recursive: true });
        const bring = (name) => copyFileSync(join(folder, name), join(coming, name));
        bring('leads_on.h5');
        const program = await visualize(binary, join(coming, 'leads_on.h5'));
        try {
          await openPage(page, program.url);
          await visit(page, '/virtual', 'table');
          assert.equal(await cell(page, 1), '-1');
          bring('others/part0.h5');
          await page.click('.changed', { timeout: 12000 });
          await page.waitForFunction(() => document.querySelector('.grid-row[aria-rowindex="1"] .cell')?.textContent === '100');
          assert.equal(await page.locator('.changed').count(), 0);
          utimesSync(join(coming, 'others/part0.h5'), new Date(), new Date(Date.now() + 5000));
          await page.waitForSelector('.changed', { timeout: 12000 });
        } finally {
          await program.stop();
        }
      },
    ],
  ];
}
