// Files of strangers: each through the program in Chromium, its objects visited, and whatever must not happen reported.
//
//     node tests/corpus.mjs FOLDER [FILES [OBJECTS]]
//
// Of all files below FOLDER that begin as HDF5 does, FILES (default all) are taken evenly, of each at most OBJECTS (12).
// Needs dist/, Chromium and the program (H5MANAGER_BIN). What fails: a page or console error, an engine that traps or is
// lost, a page that waits for ever, and text that a file has the page run. What a file is refused for is counted and listed.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { startBrowser } from './browser.mjs';
import { failure, openPage, viewsOf, visit, watch } from './drive.mjs';
import { visualize } from './program.mjs';

const [folder, most = 'Infinity', objects = '12'] = process.argv.slice(2);
const binary = process.env.H5MANAGER_BIN;
if (!folder || !binary) {
  console.error('node tests/corpus.mjs FOLDER [FILES [OBJECTS]], with the program in H5MANAGER_BIN');
  process.exit(2);
}
const WORKERS = Number(process.env.WORKERS ?? 2);
/** H5Web draws with WebGL, which takes seconds without a GPU: it is visited where this says so. */
const SLOW = process.env.H5WEB ? [] : ['h5web'];

/** Whether the file has the signature where a superblock may stand. */
function isHdf5(path) {
  const file = openSync(path, 'r');
  try {
    return [0, 512, 1024, 2048, 4096].some((at) => {
      const start = Buffer.alloc(8);
      return readSync(file, start, 0, 8, at) === 8 && start.equals(Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'));
    });
  } finally {
    closeSync(file);
  }
}

function evenly(all, number) {
  if (all.length <= number) return all;
  return Array.from({ length: number }, (_, i) => all[Math.floor((i * all.length) / number)]);
}

/** Paths of the file's objects as the program lists them. */
function objectsOf(path) {
  let listed;
  try {
    listed = execFileSync(binary, ['ls', '-r', '-q', '--json', path], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    listed = error.stdout ?? ''; // a damaged branch: the rest is there
  }
  const paths = listed.split('\n').filter(Boolean).map((line) => JSON.parse(line).path);
  return evenly(paths.filter((at) => typeof at === 'string' && at !== '/'), Number(objects));
}

/** Visits the objects of one file; what the page said that it could not show. */
async function visitAll(page, path, url, bad) {
  const refused = new Map();
  await openPage(page, url);
  const whole = await page.evaluate(() => document.querySelector('.failure .reason')?.textContent);
  if (whole) return new Map([['the file', whole]]);
  const seen = new Set(SLOW);
  const shown = async (at, view) => {
    await visit(page, at, view).catch((error) => bad.push(`${at} as ${view ?? 'what it is'}: ${error.message.split('\n')[0]}`));
    const text = await failure(page);
    if (text === undefined) return;
    refused.set(view ? `${at} as ${view}` : at, text);
    if (/engine failed|was lost/.test(text)) bad.push(`${at}: ${text}`);
  };
  for (const at of ['/', ...objectsOf(path)]) {
    await shown(at);
    for (const view of await viewsOf(page)) {
      if (seen.has(view)) continue;
      seen.add(view);
      await shown(at, view);
    }
  }
  if ((await page.evaluate(() => window.hacked)) !== undefined) bad.push('a script of the file ran');
  return refused;
}

const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .filter(isHdf5)
  .sort();
const chosen = evenly(files, Number(most));
const browser = await startBrowser();
const reasons = new Map();
const failures = [];
const note = (reason, text) => reasons.set(reason, [...(reasons.get(reason) ?? []), text]);
let passed = 0;
let visited = 0;

async function run(path) {
  const name = relative(folder, path);
  const page = await browser.context.newPage();
  let program;
  let bad = [];
  try {
    program = await visualize(binary, path);
    bad = watch(page, program.origin);
    const refused = await visitAll(page, path, program.url, bad);
    visited++;
    for (const [at, text] of refused) {
      // What differs from file to file is left out.
      const reason = text.replace(/^\/.*?: /, '').replace(/\/\S+|0x[0-9a-f]+|\d+|\S*\.\w+/g, '…').slice(0, 80);
      note(reason, `${name} ${at}: ${text}`);
    }
  } catch (error) {
    const said = String(error.message ?? error);
    // The program says in words why it does not open a file, and serves nothing.
    const refusal = /visualize ended with (\d+): (.*)/s.exec(said);
    if (refusal?.[1] === '2' && refusal[2].startsWith('h5manager: ')) note('not opened by the program', `${name}: ${refusal[2].trim()}`);
    else bad.push(said.split('\n').slice(0, 4).join(' '));
  } finally {
    await page.close();
    await program?.stop();
  }
  if (bad.length === 0) passed++;
  else failures.push(`${name}\n  ${[...new Set(bad)].slice(0, 5).join('\n  ')}`);
}

const next = chosen.values();
await Promise.all(
  Array.from({ length: WORKERS }, async () => {
    for (const path of next) await run(path);
  }),
);
await browser.close();
for (const [reason, all] of [...reasons].sort((a, b) => b[1].length - a[1].length)) {
  console.log(`${all.length} × ${reason}`);
  for (const one of all.slice(0, process.env.VERBOSE ? all.length : 2)) console.log(`      ${one}`);
}
for (const one of failures) console.log(`FAILED ${one}`);
console.log(`NOTE ${chosen.length} of ${files.length} files, ${visited} opened, the others refused in words`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && visited > 0 ? 0 : 1);
