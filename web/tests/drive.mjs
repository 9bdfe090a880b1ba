// What a person does with the page, and when the page is done with it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Opens an address and waits until the object that it names, or the first one, is shown. */
export async function openPage(page, url) {
  await page.goto('about:blank'); // a mere change of the hash would keep the page
  await page.goto(url);
  await page.waitForSelector('.object[data-state=done], .object[data-state=failed], .failure', { timeout: 20000 });
}

/** Goes to an object by the address, as a link does. */
export async function visit(page, path, view, more = {}) {
  const query = new URLSearchParams({ ...(view ? { view } : {}), ...more }).toString();
  const hash = `#${path.split('/').map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`;
  await page.evaluate((h) => {
    location.hash = h;
  }, hash);
  await settled(page, path);
}

/** Until nothing on the page waits for bytes. */
export async function settled(page, path) {
  await page.waitForFunction(
    (wanted) => {
      const object = document.querySelector('.object');
      if (!object || (wanted !== undefined && object.dataset.path !== wanted)) return false;
      if (object.dataset.state === 'waiting') return false;
      const view = object.querySelector('.view');
      return !view.querySelector('.notice.waiting, .cell.waiting, [data-painted=false], .frame.waiting, progress');
    },
    path,
    { timeout: 20000, polling: 30 },
  );
}

export const viewsOf = (page) => page.$$eval('.views [role=tab]', (tabs) => tabs.map((tab) => tab.dataset.view));

export const currentView = (page) => page.getAttribute('.view', 'data-view');

/** The text of a failure inside the view, if one is shown. */
export const failure = (page) =>
  page.evaluate(() => document.querySelector('.view [role=alert] .reason, .view .cell.bad')?.textContent ?? undefined);

/** The table's first cell, or the value of a scalar. */
export const firstText = (page) =>
  page.evaluate(() => {
    const cell = document.querySelector('.grid-row[aria-rowindex="1"] .cell');
    if (cell) return cell.textContent;
    return document.querySelector('.big-value, .long-text')?.textContent;
  });

/** Picks an item of the export menu and returns the file that the browser saved. */
export async function exported(page, folder, label) {
  await page.click('.export-button');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`.menu [role=menuitem]:has-text("${label}")`)]);
  const path = join(folder, `saved ${++saves} ${download.suggestedFilename()}`);
  await download.saveAs(path);
  await page.keyboard.press('Escape');
  return path;
}
let saves = 0;

/** Drops files onto the page. */
export async function drop(page, folder, ...names) {
  const contents = names.map((name) => [name.split('/').pop(), readFileSync(join(folder, name)).toString('base64')]);
  const data = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    return transfer;
  }, contents);
  await page.dispatchEvent('.app', 'dragover', { dataTransfer: data });
  await page.dispatchEvent('.app', 'drop', { dataTransfer: data });
}

/** Listens for everything that must not happen on a page. */
export function watch(page, origin) {
  const bad = [];
  page.on('pageerror', (error) => bad.push(`page error: ${error.stack ?? error}`));
  page.on('console', (message) => {
    const text = message.text();
    // A request that fails on purpose is the browser's own line; WebGL without a GPU warns.
    if (message.type() !== 'error' || /Failed to load resource|CORS policy|WebGL|GPU stall/.test(text)) return;
    bad.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(blob:|data:|about:)/.test(url)) bad.push(`a request left the page: ${url}`);
  });
  return bad;
}
