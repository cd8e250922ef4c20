import { Buffer } from 'node:buffer';
import type { Index } from '../core/types.ts';
import { readUint64, writeUint64 } from '../storage/uint64.ts';

/** Names a session: the index of the entry that opened it, so no two are ever alike. */
export type SessionId = Index;

/** What the data of an entry means to a `SessionStateMachine`. */
export type SessionCommand =
  /** Applied as often as it stands in the log. */
  | { readonly kind: 'plain'; readonly data: Uint8Array }
  | { readonly kind: 'open' }
  /** Applied once, however often it stands in the log. */
  | {
      readonly kind: 'once';
      readonly session: SessionId;
      /** Number of the command in its session, from 1 on. */
      readonly sequence: number;
      /** The lowest number whose answer the client still waits for: answers below it may be forgotten. */
      readonly firstPending: number;
      readonly data: Uint8Array;
    };

/** First byte of the data; durable, never reused. */
const kinds = { plain: 0, open: 1, once: 2 } as const;
const at = { session: 1, sequence: 9, firstPending: 17, data: 25 };

/** The data to propose. */
export function encodeSessionCommand(command: SessionCommand): Uint8Array {
  if (command.kind === 'open') return Uint8Array.of(kinds.open);
  if (command.kind === 'plain') return Buffer.concat([Uint8Array.of(kinds.plain), command.data]);
  const head = Buffer.alloc(at.data);
  head[0] = kinds.once;
  writeUint64(head, command.session, at.session);
  writeUint64(head, command.sequence, at.sequence);
  writeUint64(head, command.firstPending, at.firstPending);
  return Buffer.concat([head, command.data]);
}

/** Null when the data was not made by `encodeSessionCommand`; every member sees that alike. */
export function decodeSessionCommand(data: Uint8Array): SessionCommand | null {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes[0] === kinds.plain) return { kind: 'plain', data: bytes.subarray(1) };
  if (bytes[0] === kinds.open) return bytes.length === 1 ? { kind: 'open' } : null;
  if (bytes[0] !== kinds.once || bytes.length < at.data) return null;
  const session = readUint64(bytes, at.session);
  const sequence = readUint64(bytes, at.sequence);
  const firstPending = readUint64(bytes, at.firstPending);
  if (!(session > 0 && firstPending > 0 && sequence >= firstPending)) return null;
  return { kind: 'once', session, sequence, firstPending, data: bytes.subarray(at.data) };
}
