// Drives the built page in Chromium: each file with each of its objects, then the stories.
//
//     node tests/run.mjs [PART OF A TEST'S NAME]
//
// Needs dist/ (npm run build), Chromium (CHROMIUM, default /usr/bin/chromium), Python with h5py, hdf5plugin and netCDF4
// (H5MANAGER_PYTHON, default python3) and, for what goes through the real server, the program (H5MANAGER_BIN).

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBrowser } from './browser.mjs';
import { fileTests } from './files.mjs';
import { otherFileTests } from './others.mjs';
import { serve } from './serve.mjs';
import { serverTests } from './server.mjs';
import { stories } from './stories.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, 'tmp');
const dist = join(here, '..', 'dist');
const python = process.env.H5MANAGER_PYTHON ?? 'python3';
const only = process.argv[2] ?? '';

// KEEP: the files of the run before are used again, and stay.
if (!process.env.KEEP || !existsSync(join(folder, 'manifest.json'))) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.log(execFileSync(python, [join(here, 'make_files.py'), folder], { encoding: 'utf8' }).trim());
}
const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));

const server = await serve({ page: dist, mount: '/some/where/', files: folder });
const browser = await startBrowser();
const world = { dist, folder, manifest, python, server, context: browser.context, binary: process.env.H5MANAGER_BIN };

let passed = 0;
const failures = [];
const tests = [...fileTests(world), ...stories(world), ...otherFileTests(world), ...serverTests(world)].filter(([name]) => name.includes(only));

async function run([name, test]) {
  const page = await browser.context.newPage();
  const start = Date.now();
  try {
    await test(page);
    passed++;
    if (process.env.VERBOSE) console.log(`ok ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED ${name}\n  ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n  ')}`);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name.replace(/\W+/g, '_')}.png`) }).catch(() => undefined);
  } finally {
    await page.close();
  }
}

// Two at a time: while one page waits the other draws.
const next = tests.values();
await Promise.all(
  Array.from({ length: 2 }, async () => {
    for (const test of next) await run(test);
  }),
);

await browser.close();
await server.close();
if (failures.length === 0 && !process.env.KEEP) rmSync(folder, { recursive: true, force: true });
const filters = tests.map(([name]) => /^file filter_(.*)\.h5$/.exec(name)?.[1]).filter((name) => name && !failures.includes(`file filter_${name}.h5`));
if (filters.length > 0) console.log(`${filters.length} files with filters, every value as h5py reads it: ${filters.join(' ')}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
