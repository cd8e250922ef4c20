import { Buffer } from 'node:buffer';
import { type Entry, EntryType } from '../../../src/core/types.ts';
import type { StateMachine } from '../../../src/ports.ts';
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
