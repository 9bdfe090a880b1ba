// A static server of the built page and of a folder of files, good and bad ones: with ranges, without, slow, counted.

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** The policy of the binary's own server (viewer.md). */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
  "worker-src 'self'; connect-src 'self' http: https: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * @param {{ page: string, mount?: string, files: string, delay?: number, ranges?: boolean, cors?: 'full' | 'hidden' | 'none' }} options
 * `page`: the folder of the built page, served below `mount`; `files`: served below `/files/`.
 */
export async function serve({ page, mount = '/', files, delay = 0, ranges = true, cors = 'full' }) {
  const seen = { requests: 0, bytes: 0, whole: 0, other: [], paths: [] };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://page');
    const path = decodeURIComponent(url.pathname);
    if (cors !== 'none') response.setHeader('Access-Control-Allow-Origin', '*');
    if (cors === 'full') response.setHeader('Access-Control-Expose-Headers', 'Content-Range, Content-Length, ETag, Last-Modified, Accept-Ranges');
    response.setHeader('Access-Control-Allow-Headers', 'Range, If-Range, If-None-Match');
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    if (path.startsWith('/files/')) {
      seen.paths.push(path);
      if (delay > 0) await new Promise((done) => setTimeout(done, delay));
      return sendFile(request, response, join(files, normalize(path.slice(7))), ranges, seen);
    }
    const inside = path.startsWith(mount) ? path.slice(mount.length) : undefined;
    const file = inside === undefined ? undefined : join(page, normalize(`/${inside || 'index.html'}`));
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      seen.other.push(path);
      return response.writeHead(404).end();
    }
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Content-Security-Policy': POLICY,
      'Cache-Control': 'no-store',
    });
    response.end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    url: `${origin}${mount}`,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

function sendFile(request, response, file, ranges, seen) {
  if (!existsSync(file)) return response.writeHead(404).end();
  const { size, mtimeMs } = statSync(file);
  const headers = { 'Content-Type': 'application/x-hdf5', 'Cache-Control': 'no-store', ETag: `"${size}-${Math.round(mtimeMs)}"` };
  const match = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
  if (ranges) headers['Accept-Ranges'] = 'bytes';
  if (request.method === 'HEAD') return response.writeHead(200, { ...headers, 'Content-Length': size }).end();
  seen.requests++;
  if (!match) {
    seen.whole++;
    response.writeHead(200, { ...headers, 'Content-Length': size });
    return createReadStream(file).pipe(response);
  }
  const from = Number(match[1]);
  const to = Math.min(match[2] === '' ? size - 1 : Number(match[2]), size - 1);
  if (from > to) return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
  seen.bytes += to - from + 1;
  response.writeHead(206, { ...headers, 'Content-Range': `bytes ${from}-${to}/${size}`, 'Content-Length': to - from + 1 });
  return createReadStream(file, { start: from, end: to }).pipe(response);
}
