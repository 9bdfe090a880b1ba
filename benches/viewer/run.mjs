// The engine against h5wasm, in the same Chromium, turn by turn: node run.mjs [ROUNDS]
//
// Needs `npm ci` here, `npm run package` in web/, Chromium, and Python with h5py (H5MANAGER_PYTHON).

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const files = join(tmpdir(), 'h5manager-bench-viewer');
if (!existsSync(join(files, 'chunks.h5'))) {
  execFileSync(process.env.H5MANAGER_PYTHON ?? 'python3', [here('make_files.py'), files], { stdio: 'inherit' });
}

const MOUNTS = { ours: here('../../web/package/dist'), h5wasm: here('node_modules/h5wasm/dist/esm'), files };
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
/** Of a request for a part of the file, or all of it. */
const DELAY = 20;
let sent = 0;

const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://x').pathname;
  if (path === '/') return response.setHeader('Content-Type', 'text/html').end('<script type="module" src="page.js"></script>');
  const [, mount, rest] = /^\/(\w+)\/(.*)$/.exec(path) ?? [];
  const file = mount ? join(MOUNTS[mount], normalize(`/${rest}`)) : here(`.${path}`);
  if (!existsSync(file)) return response.writeHead(404).end();
  const { size } = statSync(file);
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const [from, to] = range ? [Number(range[1]), Math.min(Number(range[2]), size - 1)] : [0, size - 1];
  if (mount === 'files') await new Promise((done) => setTimeout(done, DELAY));
  const bytes = readFileSync(file).subarray(from, to + 1);
  if (mount) sent += mount === 'files' ? bytes.length : gzipSync(bytes, { level: 9 }).length;
  response.writeHead(range ? 206 : 200, {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    ...(range ? { 'Content-Range': `bytes ${from}-${to}/${size}` } : {}),
  });
  response.end(bytes);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

async function measure(library, what) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction('window.measure');
  sent = 0;
  const ms = await page.evaluate(([l, w]) => window.measure(l, w), [library, what]);
  await page.close();
  return { ms, sent };
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log('| what | ours | h5wasm |\n| --- | --- | --- |');
const line = (what, ours, theirs) => console.log(`| ${what} | ${ours} | ${theirs} |`);
for (const [what, title] of Object.entries({
  load: 'load the library',
  open: 'open (20,000 objects, in memory)',
  list: 'list 20,000 objects with shape and type',
  read: 'read 64 MiB of gzip chunks, in memory',
  url: 'by URL: load the library, open, list, read a row',
})) {
  const found = { ours: [], h5wasm: [] };
  const bytes = {};
  for (let round = 0; round < rounds; round++) {
    for (const library of ['ours', 'h5wasm']) {
      const { ms, sent: now } = await measure(library, what);
      found[library].push(ms);
      bytes[library] = now;
    }
  }
  line(`${title}, ms`, median(found.ours).toFixed(1), median(found.h5wasm).toFixed(1));
  if (what === 'load') line('bytes of the library, gzip', bytes.ours.toLocaleString('en'), bytes.h5wasm.toLocaleString('en'));
  if (what === 'url') line('by URL: bytes, the library among them', bytes.ours.toLocaleString('en'), bytes.h5wasm.toLocaleString('en'));
}
await browser.close();
server.close();
