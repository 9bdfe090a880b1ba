// In the page: one measurement by name, in a fresh page each. Times in milliseconds.

const bytesOf = async (name) => new Uint8Array(await (await fetch(`files/${name}`, { cache: 'no-store' })).arrayBuffer());
const timed = async (work) => {
  const start = performance.now();
  const value = await work();
  return { ms: performance.now() - start, value };
};

const ours = {
  async load() {
    const { load, openFile } = await import('./ours/index.js');
    await load();
    return { open: (bytes) => openFile(bytes), openFile };
  },
  async list({ file }) {
    let count = 0;
    for (const group of (await file.list('/')).children) {
      const { children } = await file.list(group.path);
      count += children.filter((c) => c.shape && c.type).length;
    }
    return count;
  },
  read: async ({ file }) => (await file.read('/x')).array.length,
  async url({ openFile }) {
    const file = await openFile(new URL('files/chunks.h5', location.href));
    await file.list('/');
    return (await file.read('/x', [100])).array.length;
  },
};

const h5wasm = {
  async load() {
    const h5 = await import('./h5wasm/hdf5_hl.js');
    const { FS } = await h5.ready;
    const open = (bytes) => {
      FS.writeFile('a.h5', bytes);
      return new h5.File('a.h5', 'r');
    };
    return { open, h5, FS };
  },
  list({ file }) {
    let count = 0;
    for (const name of file.keys()) {
      const group = file.get(name);
      for (const inside of group.keys()) {
        const dataset = group.get(inside);
        if (dataset.shape && dataset.dtype) count++;
      }
    }
    return count;
  },
  read: ({ file }) => file.get('x').value.length,
  // Its way to a URL that needs no worker: all of the file.
  async url({ open }) {
    const file = open(await bytesOf('chunks.h5'));
    file.keys();
    return file.get('x').slice([[100, 101], []]).length;
  },
};

/** Opens, lists and reads once each; `what` is the name of one of them. */
window.measure = async (library, what) => {
  const it = { ours, h5wasm }[library];
  if (what === 'load') return (await timed(() => it.load())).ms;
  const name = what === 'read' ? 'chunks.h5' : 'many.h5';
  // What who opens a link waits for: the library among it.
  if (what === 'url') return (await timed(async () => it.url(await it.load()))).ms;
  const loaded = await it.load();
  const bytes = await bytesOf(name);
  const opened = await timed(() => loaded.open(bytes));
  if (what === 'open') return opened.ms;
  const done = await timed(() => it[what]({ ...loaded, file: opened.value }));
  const expected = what === 'list' ? 20_000 : 4096 * 4096;
  if (done.value !== expected) throw new Error(`${library} ${what}: ${done.value} instead of ${expected}`);
  return done.ms;
};
