// The worker: runs what the client asks for on a Core.

import { type Running, calls } from './calls.js';
import { Core } from './core.js';
import { EngineError } from './types.js';
import { type FromWorker, type ToWorker, plain } from './wire.js';

const scope = self as unknown as DedicatedWorkerGlobalScope;
const running = new Map<number, AbortController>();

const tell = (message: FromWorker, transfer: Transferable[] = []) => scope.postMessage(message, transfer);

let statsAreDue = false;
function statsChanged(core: Core): void {
  if (statsAreDue) return;
  statsAreDue = true;
  setTimeout(() => {
    statsAreDue = false;
    tell({ kind: 'stats', stats: { ...core.counter, size: core.size, notThere: core.notThere } });
  }, 100);
}

const core: Promise<Core> = compile().then((module) => {
  const made: Core = new Core(module, () => statsChanged(made));
  return made;
});
core.catch(() => undefined); // each call is told

async function compile(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL('./engine.wasm', import.meta.url));
  if (!response.ok) throw new EngineError('network', `the engine could not be loaded (${response.status})`);
  const isWasm = response.headers.get('Content-Type')?.startsWith('application/wasm');
  return isWasm ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

scope.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.kind === 'cancel') running.get(message.id)?.abort();
  else void run(message);
};

async function run(message: Exclude<ToWorker, { kind: 'cancel' }>): Promise<void> {
  const { id } = message;
  const controller = new AbortController();
  const { signal } = controller;
  // Another file is opened: nobody waits for the rest.
  if (message.kind === 'open') for (const other of running.values()) other.abort();
  running.set(id, controller);
  try {
    const engine = await core;
    const value =
      message.kind === 'open'
        ? await engine.open(message.source, signal)
        : await call(engine, message.name, message.arguments, { signal, tell: (news) => tell({ kind: 'news', id, news }) });
    statsChanged(engine);
    tell({ kind: 'done', id, value }, buffersOf(value));
  } catch (error) {
    tell({ kind: 'failed', id, error: plain(error) });
  } finally {
    running.delete(id);
  }
}

type AnyCall = (core: Core, run: Running, ...rest: unknown[]) => Promise<unknown>;

function call(engine: Core, name: string, rest: unknown[], run: Running): Promise<unknown> {
  return (calls[name as keyof typeof calls] as AnyCall)(engine, run, ...rest);
}

/** The typed arrays of a result go over without a copy. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return [];
  const arrays = Object.values(value).filter((v): v is ArrayBufferView => ArrayBuffer.isView(v));
  return [...new Set(arrays.map((view) => view.buffer))].filter((b): b is ArrayBuffer => b instanceof ArrayBuffer);
}
