// The program, serving one file: `h5manager visualize FILE --no-open`.

import { spawn } from 'node:child_process';

/** Starts it and waits for the address that it prints. */
export async function visualize(binary, file, ...options) {
  const child = spawn(binary, ['visualize', file, '--no-open', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const url = await new Promise((done, failed) => {
    const look = (part) => {
      said += part;
      const match = / at (http:\/\/\S+)/.exec(said);
      if (match) done(match[1]);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('error', failed);
    child.on('exit', (code) => failed(new Error(`visualize ended with ${code}: ${said}`)));
  });
  return {
    url,
    origin: new URL(url).origin,
    async stop() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGINT');
      await ended;
    },
  };
}
