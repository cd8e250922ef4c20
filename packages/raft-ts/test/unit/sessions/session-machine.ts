import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { initialConfig } from '../../../src/core/config.ts';
import {
  type Entry,
  EntryType,
  type SnapshotMeta,
  snapshotFormatVersion,
} from '../../../src/core/types.ts';
import type { SnapshotContent, StateMachine } from '../../../src/ports.ts';
import type { SavedSessions } from '../../../src/sessions/index.ts';
import { type SessionOptions, SessionStateMachine } from '../../../src/sessions/index.ts';
import type { ResultCodec } from '../../../src/sessions/session-table.ts';

/** Adds up bytes; a command that is applied twice counts twice. */
export class Adder implements StateMachine<number> {
  appliedIndex = 0;
  readonly appliedConfig = null;
  total = 0;
  calls = 0;

  apply(entries: readonly Entry[]): readonly number[] {
    this.calls++;
    return entries.map(({ index, type, data }) => {
      this.appliedIndex = index;
      if (type === EntryType.normal) this.total += data[0]!;
      return this.total;
    });
  }
}

export const numberCodec: ResultCodec<number> = {
  encode: (result) => Buffer.from(String(result)),
  decode: (bytes) => Number(Buffer.from(bytes).toString()),
};

export function sessionMachine(
  options: SessionOptions = {},
  inner: StateMachine<number> = new Adder(),
  saved: SavedSessions | null = null,
): SessionStateMachine<number> {
  return new SessionStateMachine(options, { inner, codec: numberCodec, saved });
}

/** Its state is one number, so that is its snapshot. */
export class SnapshottingAdder extends Adder {
  snapshot(): Iterable<Uint8Array> {
    return [numberCodec.encode(this.total)];
  }

  async restore(_: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    this.total = numberCodec.decode(Buffer.concat(pieces));
  }
}

export function metaOf(content: Uint8Array, lastIndex: number): SnapshotMeta {
  const position = { lastIndex, lastTerm: 1, config: initialConfig({ a: 'a:1' }), configIndex: 0 };
  const digest = createHash('sha256').update(content).digest('hex');
  return { ...position, bytes: content.length, digest, formatVersion: snapshotFormatVersion };
}

export async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
