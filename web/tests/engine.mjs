// The engine as the package h5manager-wasm has it, in node: files on disk, behind a server that counts and delays, and
// behind servers that do something wrong.
//
//     node --test tests/engine.mjs      (needs package/dist: npm run package; H5MANAGER_PYTHON with h5py)

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFile } from '../package/dist/index.js';
import { serve } from './serve.mjs';

const python = process.env.H5MANAGER_PYTHON ?? 'python3';
const folder = mkdtempSync(join(tmpdir(), 'h5manager-engine-'));
const path = (name) => join(folder, name);
const servers = [];
let near;

const FILES = `
import sys, os, h5py, numpy as np
def at(name): return os.path.join(sys.argv[1], name)
with h5py.File(at('run42.h5'), 'w') as f:
    f['grid/t'] = np.arange(200, dtype='f4').reshape(4, 5, 10)
    f['grid/t'].attrs['unit'] = 'kelvin'
    f['grid/t'].attrs['count'] = np.int64(2**60)
    f['complex'] = np.array([1+2j, 3-4j])
    f['texts'] = ['a', 'ü']
    f['truth'] = np.array([True, False])
    f['table'] = np.array([(1, 2.5, b'x')], dtype=[('a', 'i2'), ('b', 'f8'), ('c', 'S3')])
    f['references'] = np.array([f['grid'].ref], dtype=h5py.ref_dtype)
    f['bytes'] = np.void(b'abc')
    f['half'] = np.arange(3, dtype='f2')
    f.create_dataset('small', (2,), dtype=np.dtype('(2,3)i4'))
    f['soft'] = h5py.SoftLink('/grid/t')
    f['gone'] = h5py.SoftLink('/nowhere')
with h5py.File(at('many.h5'), 'w', libver='latest') as f:
    g = f.create_group('group')
    for i in range(3000): g['d%05d' % i] = i
with h5py.File(at('chunks.h5'), 'w') as f:
    f.create_dataset('x', data=np.random.default_rng(1).integers(0, 99, (2000, 500)), chunks=(100, 100), compression='gzip')
# 100 GB, of which almost nothing is on disk.
with h5py.File(at('huge.h5'), 'w', libver='latest') as f:
    s = h5py.h5s.create_simple((50_000_000_000 // 8, 2), None)
    p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    p.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY); p.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    h5py.h5d.create(f.id, b'sparse', h5py.h5t.IEEE_F64LE, s, p)
    for i in range(50): f['group/d%d' % i] = i
# One file in pieces.
with h5py.File(at('fam%d.h5'), 'w', driver='family', memb_size=5000) as f: f['x'] = np.arange(4000)
# Files that lead to one another, and out.
os.makedirs(at('set/sub')); os.makedirs(at('set/out'))
with h5py.File(at('outside.h5'), 'w') as f: f['x'] = [1]
os.symlink(at('outside.h5'), at('set/sub/link.h5'))
for i in range(2):
    with h5py.File(at('set/sub/part%d.h5' % i), 'w') as f: f['x'] = np.arange(3) + 10 * i
np.arange(4, dtype='u1').tofile(at('set/sub/raw.bin'))
with h5py.File(at('set/sub/linked.h5'), 'w') as f:
    f['g/y'] = [7]
    f['g/next'] = h5py.ExternalLink('part0.h5', '/x')
with h5py.File(at('set/main.h5'), 'w', libver='latest') as f:
    layout = h5py.VirtualLayout((3, 3), 'i8')
    for i in range(3): layout[i] = h5py.VirtualSource('sub/part%d.h5' % i, 'x', (3,))
    f.create_virtual_dataset('virtual', layout, fillvalue=-1)
    f.create_dataset('raw', (4,), 'u1', external=[('sub/raw.bin', 0, 4)])
    f.create_dataset('raw gone', (4,), 'u1', external=[('sub/none.bin', 0, 4)])
    f['linked'] = h5py.ExternalLink('sub/linked.h5', '/g')
    f['moved'] = h5py.ExternalLink('/old/place/sub/../outside.h5', '/x')
    f['outside'] = h5py.ExternalLink('../outside.h5', '/x')
    f['out by link'] = h5py.ExternalLink('sub/link.h5', '/x')
`;

async function server(options) {
  const made = await serve({ page: folder, mount: '/page/', files: folder, ...options });
  servers.push(made);
  return made;
}

before(async () => {
  execFileSync(python, ['-c', FILES, folder]);
  near = await server({});
});
after(async () => {
  await Promise.all(servers.map((s) => s.close()));
  rmSync(folder, { recursive: true });
});

const list = async (file, at) => (await file.list(at)).children;

test('the example of the README', async () => {
  const file = await openFile(path('run42.h5'));
  assert.deepEqual((await list(file, '/grid')).map((c) => [c.name, c.kind, c.shape, c.type]), [['t', 'dataset', [4, 5, 10], 'float32']]);
  const { array, shape } = await file.read('/grid/t', [null, 3, [0, 10, 2]]);
  assert.deepEqual(shape, [4, 5]);
  assert.deepEqual([...array.slice(0, 6)], [30, 32, 34, 36, 38, 80]);
  const { attributes } = await file.object('/grid/t');
  assert.deepEqual(Object.fromEntries(attributes.map((a) => [a.name, a.value])), { count: 2n ** 60n, unit: 'kelvin' });
  const readme = readFileSync(new URL('../package/README.md', import.meta.url), 'utf8');
  const code = /```js\n([^]*?)```/.exec(readme)[1].replace("'h5manager-wasm'", JSON.stringify(new URL('../package/dist/index.js', import.meta.url).href));
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: folder, encoding: 'utf8' });
  assert.match(said, /Float32Array\(20\)/);
});

test('its types are found as node looks for them', () => {
  const modules = join(folder, 'typed/node_modules');
  mkdirSync(modules, { recursive: true });
  symlinkSync(fileURLToPath(new URL('../package', import.meta.url)), join(modules, 'h5manager-wasm'));
  writeFileSync(join(folder, 'typed/package.json'), '{"type": "module"}');
  const code = `import { EngineError, openFile, type Values } from 'h5manager-wasm';
    const file = await openFile('run42.h5');
    const values: Values = await file.read('/grid/t', [null, 3, [0, 10, 2]]);
    const name: string = (await file.list('/')).children[0]!.name + file.file.name + values.shape.length + EngineError.name;
    // @ts-expect-error a path is a text
    await file.read(3); void name;`;
  writeFileSync(join(folder, 'typed/use.ts'), code);
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom', 'use.ts'];
  execFileSync(process.execPath, [tsc, ...options], { cwd: join(folder, 'typed'), encoding: 'utf8', stdio: ['ignore', 'inherit', 'inherit'] });
});

test('values of every class', async () => {
  const file = await openFile(new Uint8Array(readFileSync(path('run42.h5'))));
  const read = async (at) => (await file.read(at)).array;
  assert.deepEqual([...(await read('/complex'))], [1, 2, 3, -4]);
  assert.deepEqual(await read('/texts'), ['a', 'ü']);
  assert.deepEqual([...(await read('/truth'))], [1, 0]);
  assert.deepEqual(await read('/table'), [[1, 2.5, 'x']]);
  assert.deepEqual([...(await read('/bytes'))], [97, 98, 99]);
  assert.deepEqual(await read('/half'), new Float32Array([0, 1, 2]));
  assert.equal((await file.read('/small')).perElement, 6);
  await file.list('/');
  assert.equal((await read('/references'))[0].path, '/grid');
  const links = Object.fromEntries((await list(file, '/')).map((c) => [c.name, [c.kind, c.link.kind]]));
  assert.deepEqual([links.soft, links.gone], [['dataset', 'soft'], ['broken', 'soft']]);
  await assert.rejects(file.read('/nothing'), { kind: 'not-found' });
});

test('100 GB behind a slow server cost a few requests', async () => {
  const slow = await server({ delay: 40 });
  const file = await openFile(`${slow.origin}/files/huge.h5`);
  assert.ok(file.file.size > 90e9, `${file.file.size}`);
  assert.equal((await list(file, '/')).length, 2);
  assert.equal((await list(file, '/group')).length, 50);
  const { array } = await file.read('/sparse', [[6e9, 6e9 + 4], 1]);
  assert.equal(array.length, 4);
  const view = await file.overview('/sparse', { axes: [0], columns: 20 });
  assert.equal(view.array.length, 20);
  assert.ok(slow.seen.requests <= 30, `${slow.seen.requests} requests`);
  assert.ok(slow.seen.bytes < 3e6, `${slow.seen.bytes} bytes`);
  assert.equal(slow.seen.whole, 0);
});

test('what a listing or a slice needs is fetched together', async () => {
  let file = await openFile(`${near.origin}/files/many.h5`);
  const before = near.seen.requests;
  assert.equal((await file.list('/group', { count: 500 })).children.length, 500);
  assert.ok(near.seen.requests - before <= 20, `${near.seen.requests - before} requests`);
  file = await openFile(`${near.origin}/files/chunks.h5`);
  const { array } = await file.read('/x', [[0, 100], null]);
  assert.equal(array.length, 50_000);
  const here = await openFile(path('chunks.h5'));
  assert.deepEqual(array, (await here.read('/x', [[0, 100], null])).array);
});

test('other files are read where the file leads to them, from a disk, a server or memory', async () => {
  const others = Object.fromEntries(['linked.h5', 'part0.h5', 'part1.h5', 'raw.bin'].map((name) => [name, new Uint8Array(readFileSync(path(`set/sub/${name}`)))]));
  const bytes = new Uint8Array(readFileSync(path('set/main.h5')));
  const ways = [path('set/main.h5'), `${near.origin}/files/set/main.h5`, { kind: 'bytes', bytes, name: 'main.h5', others }];
  for (const from of ways) {
    const file = await openFile(from);
    assert.deepEqual([...(await file.read('/virtual')).array].map(Number), [0, 1, 2, 10, 11, 12, -1, -1, -1]);
    assert.deepEqual([...(await file.read('/raw')).array], [0, 1, 2, 3]);
    assert.deepEqual([...(await file.read('/linked/y')).array].map(Number), [7]);
    assert.deepEqual([...(await file.read('/linked/next')).array].map(Number), [0, 1, 2]);
    assert.equal((await file.object('/linked/y')).file, 'sub/linked.h5');
    const links = Object.fromEntries((await list(file, '/')).map((c) => [c.name, [c.kind, c.error?.kind]]));
    assert.deepEqual(links.linked, ['group', undefined]);
    assert.deepEqual(links.moved.slice(0, 1), ['link']);
    assert.equal(links.outside[0], 'link');
    await assert.rejects(file.read('/raw gone'), /none\.bin/);
  }
  for (const [from, wanted] of [[ways[0], ['/outside', '/out by link']], [ways[1], ['/outside']]]) {
    const file = await openFile(from);
    for (const at of wanted) await assert.rejects(file.object(at), { kind: 'denied' }, at);
  }
  // Nothing but what it leads to was asked for, and nothing outside its folder.
  assert.deepEqual(near.seen.paths.filter((p) => p.includes('outside') && !p.startsWith('/files/set/')), []);
  const alone = await openFile(bytes);
  assert.equal((await list(alone, '/')).find((c) => c.name === 'linked').error.kind, 'not-found');
});

test('a family is one file, by whichever of its members it is opened', async () => {
  const family = readdirSync(folder).filter((name) => /^fam\d+\.h5$/.test(name));
  assert.ok(family.length > 5, family.join());
  const others = Object.fromEntries(family.map((name) => [name, new Uint8Array(readFileSync(path(name)))]));
  const ways = [path('fam0.h5'), path('fam3.h5'), `${near.origin}/files/fam2.h5`, { kind: 'bytes', bytes: others['fam1.h5'], name: 'fam1.h5', others }];
  for (const from of ways) {
    const file = await openFile(from);
    const { array } = await file.read('/x');
    assert.deepEqual([array.length, Number(array[3999])], [4000, 3999]);
    assert.ok(file.file.size > 32_000, `${file.file.size}`);
  }
  delete others['fam2.h5'];
  await assert.rejects(openFile({ kind: 'bytes', bytes: others['fam1.h5'], name: 'fam1.h5', others }), { kind: 'not-found', message: /fam2\.h5 is missing/ });
});

test('servers that do something wrong are told apart', async () => {
  const whole = await server({ ranges: false });
  await assert.rejects(openFile(`${whole.origin}/files/run42.h5`), { kind: 'no-range' });
  await assert.rejects(openFile(`${near.origin}/files/nothing.h5`), { kind: 'network', message: /404/ });
  await assert.rejects(openFile('http://127.0.0.1:9/x.h5'), { kind: 'network' });
  await assert.rejects(openFile(new Uint8Array(100)), { kind: 'damaged' });
});

test('a file that was changed is noticed', async () => {
  const file = await openFile(`${near.origin}/files/chunks.h5`);
  assert.equal(await file.hasChanged(), false);
  utimesSync(path('chunks.h5'), new Date(), new Date(Date.now() + 5000));
  assert.equal(await file.hasChanged(), true);
  await assert.rejects(file.read('/x', [[1900, 2000]]), { kind: 'changed' });
  const local = await openFile(path('many.h5'));
  appendFileSync(path('many.h5'), 'x');
  assert.equal(await local.hasChanged(), true);
});

test('a call can be cancelled', async () => {
  const slow = await server({ delay: 200 });
  const controller = new AbortController();
  const opening = openFile(`${slow.origin}/files/many.h5`, { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(opening, { kind: 'cancelled' });
});

test('a panic costs one call and not the file', async () => {
  const file = await openFile(path('run42.h5'));
  await assert.rejects(file.panic(), { kind: 'crashed', message: /a test wanted to see this/ });
  assert.deepEqual([...(await file.read('/half')).array], [0, 1, 2]);
});
