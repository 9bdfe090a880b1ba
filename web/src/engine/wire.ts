// What client and worker tell each other.

import { EngineError, type ErrorKind, type Source, type Stats } from './types.js';

export type ToWorker =
  | { kind: 'call'; id: number; name: string; arguments: unknown[] }
  | { kind: 'open'; id: number; source: Source }
  | { kind: 'cancel'; id: number };

export type FromWorker =
  | { kind: 'done'; id: number; value: unknown }
  | { kind: 'failed'; id: number; error: PlainError }
  | { kind: 'news'; id: number; news: unknown }
  | { kind: 'stats'; stats: Stats };

export interface PlainError {
  kind: ErrorKind;
  message: string;
  path?: string;
  structure?: string;
  address?: number;
}

export function plain(error: unknown): PlainError {
  if (error instanceof EngineError) {
    const { kind, message, path, structure, address } = error;
    return { kind, message, path, structure, address };
  }
  return { kind: 'crashed', message: error instanceof Error ? error.message : String(error) };
}

export function fromPlain({ kind, message, path, structure, address }: PlainError): EngineError {
  return new EngineError(kind, message, path, structure, address);
}
