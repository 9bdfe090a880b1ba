// What people come for, one after the other.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentView, drop, exported as save, failure, openPage, settled, visit, watch } from './drive.mjs';
import { serve } from './serve.mjs';

export function stories(world) {
  const { server, folder, python } = world;
  const file = (name, hash = '') => `${server.url}?file=${server.origin}/files/${name}${hash}`;
  const py = (code, ...args) => execFileSync(python, ['-c', code, ...args], { encoding: 'utf8' }).trim();
  const exported = (page, label) => save(page, folder, label);
  /** What npm would publish of a folder, unpacked. */
  const packed = (from) => {
    const to = mkdtempSync(join(folder, 'pack'));
    const options = { cwd: join(world.dist, from), encoding: 'utf8' };
    const name = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', to], options).trim().split('\n').pop();
    execFileSync('tar', ['-xzf', name], { cwd: to });
    return join(to, 'package');
  };

  return [
    [
      'an image set opens as its contact sheet',
      async (page) => {
        const bad = watch(page, server.origin);
        await openPage(page, file('images.h5'));
        await settled(page, '/images');
        assert.equal(await currentView(page), 'gallery');
        await page.waitForSelector('.image-cell[data-row="0"][data-painted=true]');
        assert.equal((await page.textContent('.sheet-count')).trim(), '300 images');
        assert.match(await page.textContent('.image-cell[data-row="1"]'), /1\s*bird\s*0001\.png/);
        assert.deepEqual(bad, []);
      },
    ],
    [
      'the class filter shows one class with its count',
      async (page) => {
        await openPage(page, file('images.h5'));
        await page.click('.classes [data-class=cat]');
        await page.waitForFunction(() => document.querySelector('.gallery').dataset.count === '60');
        await settled(page, '/images');
        const captions = await page.$$eval('.image-cell', (cells) => cells.map((cell) => cell.getAttribute('aria-label')));
        assert.ok(captions.length > 10);
        assert.ok(captions.every((caption) => caption.includes('cat')), captions.join());
        assert.match(page.url(), /class=cat/);
      },
    ],
    [
      'an image is shown with its pixel values',
      async (page) => {
        await openPage(page, file('images.h5', '#/images?row=3'));
        await page.waitForSelector('.image-detail canvas[data-painted=true]');
        const box = await page.locator('.image-detail canvas').boundingBox();
        await page.mouse.move(box.x + 2, box.y + 2);
        const expected = py('import h5py,sys; print(*h5py.File(sys.argv[1])["images"][3,0,0])', join(folder, 'images.h5'));
        await page.waitForFunction((text) => document.querySelector('.readout-line').textContent === `[0, 0] ${text}`, expected);
      },
    ],
    [
      'a view whose code arrives while another object is chosen',
      async (page) => {
        // The moment is a few milliseconds wide: it is looked for around the time that the code takes.
        let least = Infinity;
        for (let i = 0; i < 8; i++) {
          await openPage(page, file('scan.nxs', '#/entry/data/counts?view=line'));
          await settled(page, '/entry/data/counts');
          const took = await page.evaluate(
            (wait) =>
              new Promise((done) => {
                const start = performance.now();
                location.hash = '#/entry?view=h5web';
                setTimeout(() => (location.hash = '#/entry/data?view=h5web'), wait);
                const look = setInterval(() => {
                  if (!document.querySelector('.h5web') && performance.now() - start < 15000) return;
                  clearInterval(look);
                  done(performance.now() - start);
                }, 2);
              }),
            least === Infinity ? 0 : (least * (i + 2)) / 10,
          );
          assert.ok(took < 15000, 'its code is there, and it says that it loads');
          least = Math.min(least, took);
        }
      },
    ],
    [
      'the contact sheet goes by keys',
      async (page) => {
        await openPage(page, file('images.h5'));
        await settled(page, '/images');
        const rows = () => page.$$eval('.image-cell', (cells) => cells.map((cell) => Number(cell.dataset.row)));
        await page.keyboard.press('n');
        await page.waitForFunction(() => !document.querySelector('.image-cell[data-row="0"]'));
        assert.ok(Math.min(...(await rows())) > 0);
        await page.keyboard.press('p');
        await page.waitForSelector('.image-cell[data-row="0"]');
        await page.keyboard.press('g');
        await page.keyboard.type('250');
        await page.keyboard.press('Enter');
        await page.waitForSelector('.image-cell.picked[data-row="250"]');
        assert.match(page.url(), /row=250/);
        await page.keyboard.press('Escape');
        await page.waitForSelector('.detail', { state: 'detached' });
        await page.focus('.cells');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('Enter');
        await page.waitForSelector('.image-cell.picked[data-row="251"]');
      },
    ],
    [
      'order by class and by name',
      async (page) => {
        await openPage(page, file('images.h5', '#/images?sort=class'));
        await settled(page, '/images');
        const classes = await page.$$eval('.image-cell', (cells) => cells.slice(0, 30).map((cell) => cell.getAttribute('aria-label').split(' · ')[1]));
        assert.deepEqual([...new Set(classes)], ['airplane']);
        await page.selectOption('.sheet select', 'backwards');
        await page.waitForSelector('.image-cell[data-row="299"]');
      },
    ],
    [
      'an engine that cannot be loaded is an error in words',
      async (page) => {
        await page.route('**/engine.wasm', (route) => route.fulfill({ status: 404, body: '' }));
        await openPage(page, file('shapes.h5'));
        assert.match(await page.textContent('.failure'), /engine could not be loaded/);
        assert.equal(await page.isVisible('.drop-zone'), true);
      },
    ],
    [
      'an engine that fails on one call says so, and the page goes on',
      async (page) => {
        // Its door is made to trap, as a panic does, whenever /cube is asked about.
        const trap = `const Real = WebAssembly.Instance;
          WebAssembly.Instance = function (module, imports) {
            const { exports } = new Real(module, imports);
            const call = (place, length) => {
              const request = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, place, length));
              if (request.includes('"op":"object"') && request.includes('/cube')) throw new WebAssembly.RuntimeError('unreachable');
              return exports.call(place, length);
            };
            return { exports: { ...exports, call } };
          };\n`;
        await page.route('**/worker.js', async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, body: trap + (await response.text()) });
        });
        await openPage(page, file('shapes.h5', '#/'));
        await visit(page, '/cube');
        assert.match(await failure(page), /the engine failed on this \(unreachable\)/);
        await visit(page, '/matrix', 'table');
        assert.equal(await page.textContent('.grid-row[aria-rowindex="1"] .cell'), '0');
        await visit(page, '/cube');
        assert.match(await page.textContent('.notice.failed h2'), /started anew/);
      },
    ],
    [
      'two images are compared',
      async (page) => {
        await openPage(page, file('images.h5', '#/images?row=35&cmp=40'));
        await page.waitForSelector('.compare figcaption:has-text("the pixels are the same")');
      },
    ],
    [
      'statistics of an image set are those of numpy',
      async (page) => {
        await openPage(page, file('images.h5', '#/images?view=statistics'));
        await page.waitForSelector('.numbers td');
        const line = await page.textContent('.code-line code');
        const expected = py(
          'import h5py,sys; a=h5py.File(sys.argv[1])["images"][()]/255; f=lambda v: ", ".join("%.4f"%x for x in v);' +
            'print("transforms.Normalize(mean=[%s], std=[%s])"%(f(a.mean((0,1,2))),f(a.std((0,1,2)))))',
          join(folder, 'images.h5'),
        );
        assert.equal(line, expected);
        const text = await page.textContent('.statistics');
        assert.match(text, /1 constant image/);
        assert.match(text, /1 group of images with the same pixels/);
      },
    ],
    [
      'a permalink restores object, slice and view',
      async (page) => {
        await openPage(page, file('shapes.h5', '#/cube'));
        await settled(page, '/cube');
        await page.fill('.slicer input.index', '7');
        await page.press('.slicer input.index', 'Enter');
        await page.click('.views [data-view=table]');
        await settled(page, '/cube');
        const address = page.url();
        assert.match(address, /at=7,y,x/);
        await openPage(page, address);
        await settled(page, '/cube');
        assert.equal(await currentView(page), 'table');
        assert.equal(await page.inputValue('.slicer input.index'), '7');
        const cell = await page.textContent('.grid-row[aria-rowindex="1"] .cell');
        assert.equal(cell, py('import h5py,sys; print(int(h5py.File(sys.argv[1])["cube"][7,0,0]))', join(folder, 'shapes.h5')));
      },
    ],
    [
      'each slice of a heat map has the colours of its own range',
      async (page) => {
        await openPage(page, file('shapes.h5', '#/cube?view=heatmap&at=0,y,x'));
        await settled(page, '/cube');
        const corner = () =>
          page.evaluate(() => {
            const canvas = document.querySelector('.plot-box canvas');
            const [x, y, width, height] = canvas.dataset.area.split(',').map(Number);
            const ratio = canvas.width / canvas.clientWidth;
            return [...canvas.getContext('2d').getImageData((x + width - 3) * ratio, (y + height - 3) * ratio, 1, 1).data];
          });
        const first = await corner();
        await page.fill('.slicer input.index', '9');
        await page.press('.slicer input.index', 'Enter');
        await settled(page, '/cube');
        // The largest element of each slice is the last: it has the last colour.
        assert.deepEqual(await corner(), first);
        assert.deepEqual(first.slice(0, 3), [253, 231, 37]);
      },
    ],
    [
      'a slice is saved as NPY and read back by numpy',
      async (page) => {
        await openPage(page, file('shapes.h5', '#/cube?view=heatmap&at=3,y,x'));
        await settled(page, '/cube');
        const saved = await exported(page, 'NPY');
        const code = 'import h5py,sys,numpy as n; a=n.load(sys.argv[1]); b=h5py.File(sys.argv[2])["cube"][3]; print(a.dtype==b.dtype and a.shape==b.shape and (a==b).all())';
        assert.equal(py(code, saved, join(folder, 'shapes.h5')), 'True');
      },
    ],
    [
      'other types are saved as NPY, too',
      async (page) => {
        const whole = 'import h5py,sys,numpy as n; a=n.load(sys.argv[1]); b=h5py.File(sys.argv[2])[sys.argv[3]]; ';
        for (const [name, path, check] of [
          ['types.h5', '/complex128', 'print((a==b[()]).all() and a.dtype==b.dtype)'],
          ['types.h5', '/largest', 'print((a==b[()]).all() and a.dtype==b.dtype)'],
          ['types.h5', '/bool', 'print((a==b[()]).all() and a.dtype==b.dtype)'],
          ['strings.h5', '/utf8', 'print(list(a)==list(b.asstr()[()]))'],
        ]) {
          await openPage(page, file(name, `#${path}`));
          await settled(page, path);
          assert.equal(py(whole + check, await exported(page, 'NPY'), join(folder, name), path), 'True', path);
        }
      },
    ],
    [
      'a table is saved as CSV',
      async (page) => {
        await openPage(page, file('compounds.h5', '#/mixed'));
        await settled(page, '/mixed');
        const text = readFileSync(await exported(page, 'CSV'), 'utf8');
        assert.equal(text, 'name,value,ok\r\nfirst,1.5,true\r\nsecond,-2,false\r\n');
      },
    ],
    [
      'views are saved as PNG',
      async (page) => {
        for (const [name, hash] of [
          ['shapes.h5', '#/matrix?view=heatmap'],
          ['shapes.h5', '#/line?view=line'],
          ['images.h5', '#/images'],
        ]) {
          await openPage(page, file(name, hash));
          await settled(page);
          const saved = await exported(page, 'PNG of this view');
          const size = py('from PIL import Image; import sys; im=Image.open(sys.argv[1]); im.load(); print(im.width>600 and len(im.convert("RGB").getcolors(1<<24))>20)', saved);
          assert.equal(size, 'True', hash);
        }
      },
    ],
    [
      'one image is saved as PNG with its pixels',
      async (page) => {
        await openPage(page, file('images.h5', '#/images?row=4'));
        await page.waitForSelector('.image-detail canvas[data-painted=true]');
        const [download] = await Promise.all([page.waitForEvent('download'), page.click('.detail-actions button:has-text("PNG")')]);
        const path = join(folder, 'image.png');
        await download.saveAs(path);
        const code = 'from PIL import Image; import h5py,sys,numpy as n; print((n.array(Image.open(sys.argv[1]).convert("RGB"))==h5py.File(sys.argv[2])["images"][4]).all())';
        assert.equal(py(code, path, join(folder, 'images.h5')), 'True');
      },
    ],
    [
      'the h5py line reads what is shown',
      async (page) => {
        await openPage(page, file('shapes.h5', '#/cube?view=table&at=3,y,x'));
        await settled(page, '/cube');
        await page.click('.export-button');
        const line = await page.textContent('.menu code');
        assert.equal(py(`import h5py,os,sys; os.chdir(sys.argv[1]); print(${line}.shape)`, folder), '(20, 30)');
      },
    ],
    [
      'the Rust line is of a form that compiles', // tests/select.rs runs these
      async (page) => {
        const open = (name) => `h5manager::File::open("${name}")?`;
        for (const [name, hash, line] of [
          ['shapes.h5', '#/cube?view=table&at=3,y,x', `let values: Vec<f64> = ${open('shapes.h5')}.dataset("/cube")?.select((3, .., ..))?.read()?;`],
          ['shapes.h5', '#/scalar', `let values: Vec<f64> = ${open('shapes.h5')}.dataset("/scalar")?.read()?;`],
          ['strings.h5', '#/utf8', `let values: Vec<String> = ${open('strings.h5')}.dataset("/utf8")?.read()?;`],
          ['compounds.h5', '#/rows', `let values: Vec<h5manager::Value> = ${open('compounds.h5')}.dataset("/rows")?.select(..)?.values()?;`],
        ]) {
          await openPage(page, file(name, hash));
          await settled(page);
          await page.click('.export-button');
          assert.equal(await page.locator('.menu code').last().textContent(), line);
        }
      },
    ],
    [
      'a file is dropped and never requested',
      async (page) => {
        const own = await serve({ page: world.dist, files: folder });
        await page.goto(own.url);
        await drop(page, folder, 'images.h5');
        await page.waitForSelector('.image-cell[data-row="0"][data-painted=true]');
        assert.equal(await page.textContent('.file-name'), 'images.h5');
        assert.equal(own.seen.requests, 0);
        await own.close();
      },
    ],
    [
      'a URL is typed and opened by ranges',
      async (page) => {
        await page.goto(server.url);
        await page.fill('#url', `${server.origin}/files/shapes.h5`);
        await page.click('.open-url button');
        await page.waitForSelector('.object[data-state=done]');
        assert.match(page.url(), /\?file=/);
        assert.equal(await page.textContent('.file-name'), 'shapes.h5');
      },
    ],
    [
      'something that is no address is refused in words',
      async (page) => {
        await page.goto(server.url);
        await page.fill('#url', 'ftp:/nothing');
        await page.click('.open-url button');
        assert.match(await page.textContent('.open-url .problem'), /not a web address/);
      },
    ],
    [
      'a server without ranges is named',
      async (page) => {
        const other = await serve({ page: world.dist, files: folder, ranges: false });
        try {
          await openPage(page, `${server.url}?file=${other.origin}/files/shapes.h5`);
          assert.match(await page.textContent('.failure'), /[Rr]ange|parts/);
          assert.equal(await page.isVisible('.drop-zone'), true);
        } finally {
          await other.close();
        }
      },
    ],
    [
      'a server that hides Content-Range, or forbids the page, is named',
      async (page) => {
        for (const cors of ['hidden', 'none']) {
          const other = await serve({ page: world.dist, files: folder, cors });
          try {
            await openPage(page, `${server.url}?file=${other.origin}/files/shapes.h5`);
            const state = await page.$('.failure');
            // With a hidden Content-Range an engine that finds the size another way may open it.
            if (cors === 'none' || state) assert.match(await page.textContent('.failure'), /server|origin/);
          } finally {
            await other.close();
          }
        }
      },
    ],
    [
      'a missing file is an error that leaves the page usable',
      async (page) => {
        await openPage(page, file('no such file.h5'));
        assert.match(await page.textContent('.failure'), /404|not found|no answer/i);
        await page.fill('#url', `${server.origin}/files/shapes.h5`);
        await page.click('.open-url button');
        await page.waitForSelector('.object[data-state=done]');
      },
    ],
    [
      'what is no HDF5 file is said so',
      async (page) => {
        writeFileSync(join(folder, 'text.h5'), 'this is a text, not a file of the kind that is wanted here\n'.repeat(100));
        await openPage(page, file('text.h5'));
        assert.match(await page.textContent('.failure'), /HDF5|signature/);
      },
    ],
    [
      'a file that changed on disk is noticed and read again',
      async (page) => {
        copyFileSync(join(folder, 'empty.h5'), join(folder, 'changing.h5'));
        await openPage(page, file('changing.h5', '#/'));
        await page.waitForSelector('.tree-empty');
        copyFileSync(join(folder, 'shapes.h5'), join(folder, 'changing.h5'));
        await page.waitForSelector('.changed', { timeout: 9000 });
        await page.click('.changed');
        await page.waitForSelector('.tree-row[data-path="/cube"]');
      },
    ],
    [
      'damaged parts are shown as such, the rest works',
      async (page) => {
        const bad = watch(page, server.origin);
        await openPage(page, file('damaged.h5', '#/'));
        await page.waitForSelector('.tree-row[data-path="/broken"].broken');
        await visit(page, '/broken');
        assert.match(await failure(page), /checksum|header/);
        await visit(page, '/also whole/x', 'table');
        assert.equal(await failure(page), undefined);
        await visit(page, '/checked', 'table');
        assert.equal(await page.textContent('.grid-row[aria-rowindex="1"] .cell'), '0');
        await visit(page, '/checked', 'line');
        assert.match(await failure(page), /checksum|Fletcher/i);
        assert.deepEqual(bad, []);
      },
    ],
    [
      'one image that cannot be decoded does not hide its neighbours',
      async (page) => {
        await openPage(page, file('jpegs.h5'));
        await settled(page, '/images');
        await page.waitForSelector('.image-cell[data-row="5"] .unreadable');
        assert.equal(await page.$$eval('.image-cell[data-painted=true]', (cells) => cells.length), 11);
      },
    ],
    [
      'a hostile file is text only',
      async (page) => {
        const bad = watch(page, server.origin);
        await openPage(page, file('hostile.h5', '#/'));
        await page.waitForSelector('.tree-row[data-path="/<script>window.hacked=1"]');
        await page.click('.icon-button[aria-label=Inspector]').catch(() => undefined);
        await visit(page, '/values');
        await page.waitForSelector('.cell:has-text("<b>bold</b>")');
        assert.equal(await page.evaluate(() => window.hacked), undefined);
        assert.equal(await page.$$eval('.workspace script, .workspace img, .workspace iframe, .workspace b:has-text("bold")', (all) => all.length).catch(() => 0), 0);
        assert.deepEqual(bad, []);
      },
    ],
    [
      'a group of 100,000 members scrolls, by wheel, keys and name',
      async (page) => {
        await openPage(page, file('many.h5', '#/group/d099999'));
        await settled(page, '/group/d099999');
        await page.waitForSelector('.tree-row.selected[data-path="/group/d099999"]');
        assert.ok((await page.$$('.tree-row')).length < 120, 'rows outside the window are drawn');
        await page.focus('.tree');
        await page.keyboard.press('Home');
        await page.waitForSelector('.tree-row[data-path="/group"]');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await settled(page, '/group/d000000');
      },
    ],
    [
      'packed data of netCDF are shown as they are meant',
      async (page) => {
        await openPage(page, file('climate.nc', '#/t2m?view=line&at=2,5,x'));
        await settled(page, '/t2m');
        const box = await page.locator('.plot-box').boundingBox();
        await page.mouse.move(box.x + 67, box.y + 100);
        const value = py('import netCDF4,sys; print(float(netCDF4.Dataset(sys.argv[1])["t2m"][2,5,0]))', join(folder, 'climate.nc'));
        await page.waitForFunction(() => /^\[0\]/.test(document.querySelector('.readout').textContent));
        const text = await page.textContent('.readout .mono');
        assert.ok(Math.abs(Number(text.split(' ').at(-1)) - Number(value)) < 1e-6, `${text} is not ${value}`);
        await page.click('.toolbar button:has-text("As stored")');
        await settled(page, '/t2m');
        assert.match(page.url(), /raw=1/);
      },
    ],
    [
      'search finds names and attributes',
      async (page) => {
        await openPage(page, file('scan.nxs', '#/'));
        await page.keyboard.press('/');
        await page.keyboard.type('degrees');
        await page.waitForSelector('.hit[data-path="/entry/data/angle"]');
        await page.click('.hit[data-path="/entry/data/angle"]');
        await settled(page, '/entry/data/angle');
      },
    ],
    [
      'links and references are followed',
      async (page) => {
        await openPage(page, file('references.h5', '#/refs'));
        await settled(page, '/refs');
        await page.click('.cell .reference');
        await settled(page, '/target/data');
        await openPage(page, file('links.h5', '#/'));
        await page.click('.tree-row[data-path="/soft"]');
        await settled(page, '/soft');
        assert.equal(await failure(page), undefined);
      },
    ],
    [
      'data larger than memory is an overview, and too much for H5Web',
      async (page) => {
        const own = await serve({ page: world.dist, files: folder });
        await openPage(page, `${own.url}?file=files/huge.h5#/sparse`);
        await settled(page, '/sparse');
        assert.equal(await currentView(page), 'heatmap');
        assert.match(await page.textContent('.readout'), /samples of 500,000 × 50,000/);
        assert.ok(own.seen.bytes < 3_000_000, `${own.seen.bytes} bytes`);
        await visit(page, '/sparse', 'table', { row: '250000' });
        await page.waitForSelector('.grid-row[aria-rowindex="250001"]');
        await visit(page, '/sparse', 'h5web');
        assert.match(await page.textContent('.view'), /too much for this view/);
        await page.click('.notice-actions .primary');
        await settled(page, '/sparse');
        await visit(page, '/long', 'line');
        assert.match(await page.textContent('.readout'), /samples of 10,000,000,000/);
        await own.close();
      },
    ],
    [
      'a slow server is asked only a few times',
      async (page) => {
        const slow = await serve({ page: world.dist, files: folder, delay: 80 });
        try {
          await openPage(page, `${server.url}?file=${slow.origin}/files/huge.h5#/`);
          await settled(page, '/');
          assert.ok(slow.seen.requests <= 8, `${slow.seen.requests} requests`);
          assert.equal(slow.seen.whole, 0);
        } finally {
          await slow.close();
        }
      },
    ],
    [
      'a NeXus file opens with its default plot',
      async (page) => {
        await openPage(page, file('scan.nxs', '#/entry/data'));
        await page.waitForSelector('#h5w-main-area canvas', { timeout: 15000 });
        assert.equal(await currentView(page), 'h5web');
      },
    ],
    [
      'inspector: chunks, filters, ratio, chunk map, places in the file',
      async (page) => {
        await openPage(page, file('filter_gzip.h5', '#/gzip'));
        await settled(page, '/gzip');
        await page.waitForSelector('.inspector .ratio');
        const text = await page.textContent('.inspector');
        assert.match(text, /20 × 20/);
        assert.match(text, /shuffle/);
        assert.match(text, /deflate|gzip/);
        assert.match(text, /16 of 16/);
        await page.click('.inspector h3 button:has-text("Chunk map")');
        await page.waitForSelector('.chunk-map canvas[aria-label="16 of 16 chunks are stored"]');
        await page.click('.inspector h3 button:has-text("Bytes in the file")');
        await page.waitForSelector('.whereabouts td:has-text("object header")');
      },
    ],
    [
      'dark and light, and the choice stays',
      async (page) => {
        await page.emulateMedia({ colorScheme: 'light' });
        await page.goto(server.url);
        assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
        await page.click('[aria-label="Dark colours"]');
        assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
        await page.reload();
        assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
        await page.click('[aria-label="Light colours"]');
      },
    ],
    [
      'a phone shows tree, object and inspector one at a time',
      async (page) => {
        await page.setViewportSize({ width: 390, height: 844 });
        await openPage(page, file('shapes.h5', '#/matrix'));
        await settled(page, '/matrix');
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
        assert.equal(await page.isVisible('.inspector'), false);
        await page.click('[aria-label="Show the tree"]');
        await page.click('.tree-row[data-path="/cube"]');
        await settled(page, '/cube');
        await page.click('[aria-label=Inspector]');
        await page.waitForSelector('.inspector');
      },
    ],
    [
      'nothing jumps while a file opens',
      async (page) => {
        await page.addInitScript(() => {
          window.moved = 0;
          const add = (list) => list.getEntries().forEach((entry) => (window.moved += entry.hadRecentInput ? 0 : entry.value));
          new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true });
        });
        for (const place of ['images.h5', 'jpegs.h5', 'run.h5#/atmosphere/t2m', 'compounds.h5#/rows', 'shapes.h5#/line']) {
          const [name, hash = ''] = place.split('#');
          await openPage(page, file(name, hash && `#${hash}`));
          await settled(page);
          const moved = await page.evaluate(() => window.moved);
          assert.ok(moved < 0.05, `${place}: ${moved}`);
        }
      },
    ],
    [
      'roles for screen readers',
      async (page) => {
        await openPage(page, file('scan.nxs', '#/entry/data/counts'));
        await settled(page, '/entry/data/counts');
        await page.getByRole('treeitem', { name: 'counts', selected: true }).waitFor();
        await page.getByRole('treeitem', { name: 'entry', expanded: true, level: 1 }).waitFor();
        await page.getByRole('tab', { name: 'Line', selected: true }).waitFor();
        await page.getByRole('tabpanel', { name: 'Line' }).waitFor();
        await page.getByRole('img', { name: 'Curve of /entry/data/counts' }).waitFor();
        await page.getByRole('complementary', { name: 'Inspector' }).waitFor();
        await openPage(page, file('images.h5'));
        await settled(page, '/images');
        await page.getByRole('option', { name: '0 · airplane · airplane/0000.png' }).waitFor();
        await page.getByRole('group', { name: 'Classes' }).getByRole('button', { name: 'cat' }).waitFor();
        await openPage(page, file('compounds.h5', '#/rows'));
        await settled(page, '/rows');
        assert.ok((await page.getByRole('columnheader').count()) >= 5);
        // Each control has a name.
        const nameless = await page.$$eval('button, input, select', (all) =>
          all.filter((e) => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title || e.placeholder)).map((e) => e.outerHTML),
        );
        assert.deepEqual(nameless, []);
      },
    ],
    [
      'the engine alone reads in the browser, too',
      async (page) => {
        const own = await serve({ page: join(world.dist, '..', 'package', 'dist'), files: folder });
        await page.goto(`${own.url}index.js`);
        const seen = await page.evaluate(async () => {
          const { openFile } = await import('/index.js');
          const file = await openFile(new URL('/files/shapes.h5', location.href));
          const { children } = await file.list('/');
          const { array, shape } = await file.read('/cube', [3, null, [0, 30, 10]]);
          return { names: children.map((child) => child.name), array: [...array.slice(0, 4)], type: array.constructor.name, shape };
        });
        assert.ok(seen.names.includes('cube') && seen.names.includes('line'));
        assert.deepEqual([seen.array, seen.type, seen.shape], [[1800, 1810, 1820, 1830], 'Float64Array', [20, 3]]);
        assert.equal(own.seen.whole, 0);
        await own.close();
      },
    ],
    [
      'the table of a matrix with more columns than a page can be wide is scrolled to its last one',
      async (page) => {
        const bad = watch(page, server.origin);
        await openPage(page, file('huge.h5', '#/widest?view=table'));
        await settled(page, '/widest');
        assert.equal(await page.textContent('.grid-row[aria-rowindex="1"] .cell'), '7');
        await page.evaluate(() => document.querySelector('.grid-box').scrollTo(1e9, 0));
        await page.waitForSelector(`.head-cell:text-is("${2 ** 33 - 1}")`);
        const { head, cell } = await page.evaluate(() => ({
          head: [...document.querySelectorAll('.head-cell')].at(-1).getBoundingClientRect().right,
          cell: document.querySelector('.grid-box').getBoundingClientRect().right,
        }));
        assert.ok(Math.abs(head - cell) < 30, `${head} ${cell}`);
        assert.deepEqual(bad, []);
      },
    ],
    [
      'the package of the page, unpacked on a static server, opens a file by its URL',
      async (page) => {
        const own = await serve({ page: join(packed('..'), 'dist'), mount: '/node_modules/@h5manager/viewer/dist/', files: folder });
        const bad = watch(page, own.origin);
        await openPage(page, `${own.url}?file=/files/images.h5`);
        await settled(page, '/images');
        assert.equal((await page.textContent('.sheet-count')).trim(), '300 images');
        assert.deepEqual(bad, []);
        assert.deepEqual([own.seen.whole, own.seen.other], [0, []]);
        await own.close();
      },
    ],
    [
      "the package of the engine, unpacked: its README's example in the browser",
      async (page) => {
        const unpacked = packed('../package');
        py('import h5py,sys,numpy as np; h5py.File(sys.argv[1],"w")["grid/t"] = np.arange(200,dtype="f4").reshape(4,5,10)', join(folder, 'run42.h5'));
        const own = await serve({ page: unpacked, files: folder });
        const said = [];
        page.on('console', (message) => said.push(message.text()));
        await page.goto(`${own.url}dist/index.js`);
        const code = /```js\n([^]*?)```/.exec(readFileSync(join(unpacked, 'README.md'), 'utf8'))[1];
        const here = code.replace("import { openFile } from 'h5manager-wasm'", "const { openFile } = await import('/dist/index.js')");
        assert.notEqual(here, code);
        await page.evaluate(`(async () => { ${here.replace("'run42.h5'", "'/files/run42.h5'")} })()`);
        assert.match(said.join('\n'), /grid group[^]*Float32Array\(20\)/);
        assert.equal(own.seen.whole, 0);
        await own.close();
      },
    ],
    [
      'a field of floats opens as a heat map, and is no set of images',
      async (page) => {
        await openPage(page, file('run.h5', '#/atmosphere/t2m'));
        await settled(page, '/atmosphere/t2m');
        assert.equal(await currentView(page), 'heatmap');
        // Its axes are coordinates, where it has scales.
        await page.waitForSelector('.plot-box canvas[data-axes="latitude (degrees), longitude (degrees)"]');
        assert.deepEqual(await page.$$eval('.views [data-view=gallery]', (all) => all.length), 0);
        await openPage(page, file('floats01.h5'));
        await settled(page, '/images');
        assert.equal(await currentView(page), 'gallery');
      },
    ],
    [
      'the first paint is small, and the page asks for no more than it needs',
      async (page) => {
        const scripts = [];
        page.on('response', (response) => response.url().endsWith('.js') && scripts.push(response.url().split('/').pop()));
        await page.goto(server.url);
        await page.waitForSelector('.drop-zone');
        assert.deepEqual(scripts, ['index.js']);
        const { gzipSync } = await import('node:zlib');
        const size = gzipSync(readFileSync(join(world.dist, 'assets/index.js')), { level: 9 }).length;
        assert.ok(size < 60_000, `${size} bytes`);
        assert.ok(statSync(join(world.dist, 'index.html')).size < 4000);
      },
    ],
  ];
}
