import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { type Entry, EntryType } from '../../../src/core/types.ts';
import { InvalidOptionError } from '../../../src/errors.ts';
import {
  decodeSessionCommand,
  encodeSessionCommand,
  type SessionCommand,
  SessionTableError,
} from '../../../src/sessions/index.ts';
import { Adder, metaOf, piecesOf, SnapshottingAdder, sessionMachine } from './session-machine.ts';

function entry(index: number, command: SessionCommand): Entry {
  return { index, term: 1, type: EntryType.normal, data: encodeSessionCommand(command) };
}

const open = (index: number) => entry(index, { kind: 'open' });

function once(index: number, session: number, sequence: number, add = 1, firstPending = 1): Entry {
  const data = Uint8Array.of(add);
  return entry(index, { kind: 'once', session, sequence, firstPending, data });
}

const applied = (result: number) => ({ kind: 'applied', result });
const refused = (reason: string) => ({ kind: 'refused', reason });

describe('SessionStateMachine', () => {
  it('B35 retried command: applies once and answers the same, in one batch and over batches', () => {
    const inner = new Adder();
    const machine = sessionMachine({}, inner);
    expect(machine.apply([open(1), once(2, 1, 1, 5), once(3, 1, 1, 5), once(4, 1, 2, 7)])).toEqual([
      { kind: 'opened', session: 1 },
      applied(5),
      applied(5),
      applied(12),
    ]);
    expect(machine.apply([once(5, 1, 1, 5), once(6, 1, 2, 7)])).toEqual([applied(5), applied(12)]);
    expect(inner.total).toBe(12);
    expect(inner.calls).toBe(1);
  });

  it('tells sessions apart, and leaves plain commands and configurations alone', () => {
    const machine = sessionMachine();
    const plain: SessionCommand = { kind: 'plain', data: Uint8Array.of(1) };
    const config: Entry = { index: 6, term: 1, type: EntryType.config, data: new Uint8Array(1) };
    const results = machine.apply([
      ...[open(1), open(2), once(3, 1, 1), once(4, 2, 1)],
      ...[entry(5, plain), config, entry(7, plain)],
    ]);
    expect(results.slice(2)).toEqual([applied(1), applied(2), applied(3), applied(3), applied(4)]);
  });

  it('ends the session that was used longest ago, by the order of the log', () => {
    const machine = sessionMachine({ sessionsMax: 2 });
    machine.apply([open(1), open(2), once(3, 1, 1)]);
    expect(machine.apply([open(4), once(5, 2, 1), once(6, 1, 1), once(7, 4, 1)])).toEqual([
      { kind: 'opened', session: 4 },
      refused('expired'),
      applied(1),
      applied(2),
    ]);
    expect(machine.sessions).toBe(2);
  });

  it('keeps answers as long as the client waits for them, and so many at most', () => {
    const machine = sessionMachine({ pendingMax: 2 });
    const tooFar = machine.apply([open(1), once(2, 1, 1), once(3, 1, 2), once(4, 1, 3)]);
    expect(tooFar.slice(1)).toEqual([applied(1), applied(2), refused('outside')]);
    // The client has the first answer: a late copy of that command is not applied, and the third one is.
    const moved = machine.apply([once(5, 1, 3, 1, 2), once(6, 1, 1), once(7, 1, 2)]);
    expect(moved).toEqual([applied(3), refused('outside'), applied(2)]);
  });

  it('refuses what is no command, on all members alike', () => {
    const machine = sessionMachine();
    const junk = [[], [9], [1, 0], [2, 1, 2], Array(26).fill(2)];
    const entries = junk.map((bytes, i): Entry => {
      return { index: i + 1, term: 1, type: EntryType.normal, data: Uint8Array.from(bytes) };
    });
    expect(machine.apply(entries)).toEqual(junk.map(() => refused('malformed')));
    expect(machine.appliedIndex).toBe(junk.length);
  });

  it('commands are read back as they were written', () => {
    const data = Uint8Array.of(1, 2, 3);
    const session = 2 ** 40 + 1;
    const commands: SessionCommand[] = [
      { kind: 'open' },
      { kind: 'plain', data },
      { kind: 'once', session, sequence: 2 ** 33, firstPending: 2 ** 32 + 5, data },
    ];
    for (const command of commands) {
      const found = decodeSessionCommand(encodeSessionCommand(command));
      expect({ ...found, ...('data' in found! ? { data: [...found.data] } : {}) }).toEqual({
        ...command,
        ...('data' in command ? { data: [...command.data] } : {}),
      });
    }
  });

  it('B35 restart: a state kept on disk goes on with the sessions that were kept with it', () => {
    const inner = new Adder();
    const machine = sessionMachine({}, inner);
    machine.apply([open(1), once(2, 1, 1, 5), once(3, 1, 1, 5), open(4)]);
    const saved = machine.save();
    const again = sessionMachine({}, inner, saved);
    expect(again.appliedIndex).toBe(4);
    expect(again.apply([once(5, 1, 1, 5), once(6, 4, 1, 2)])).toEqual([applied(5), applied(7)]);
    expect(inner.total).toBe(7);
    // The table knows less, or more, than the state contains.
    expect(() => sessionMachine({}, inner, saved)).toThrow(SessionTableError);
    expect(() => sessionMachine({}, new Adder(), saved)).toThrow(SessionTableError);
    expect(() => sessionMachine({}, inner)).toThrow(SessionTableError);
    const table = Uint8Array.of(0x93);
    const behind = { index: 6, innerIndex: 6, table };
    expect(() => sessionMachine({}, inner, behind)).toThrow(SessionTableError);
  });

  it('B35 snapshot: the sessions travel in it, and the retried command is not applied there either', async () => {
    const machine = sessionMachine({}, new SnapshottingAdder());
    machine.apply([open(1), once(2, 1, 1, 5), once(3, 1, 2, 1)]);
    const content = machine.snapshot!();
    // It is the state at the call, whatever is applied while it is read.
    machine.apply([open(4), once(5, 1, 3, 100)]);
    const bytes = Buffer.concat([...(content as Iterable<Uint8Array>)]);
    for (const pieceBytes of [1, 7, bytes.length]) {
      const inner = new SnapshottingAdder();
      const other = sessionMachine({}, inner);
      other.apply([open(1), once(2, 1, 1, 5), open(3)]);
      await other.restore!(metaOf(bytes, 3), piecesOf(bytes, pieceBytes));
      expect([inner.total, other.sessions, other.appliedIndex]).toEqual([6, 1, 3]);
      expect(other.apply([open(4), once(5, 1, 2, 1), once(6, 1, 3, 2)]).slice(1)).toEqual([
        applied(6),
        applied(8),
      ]);
    }
  });

  it('a snapshot that ends within its table changes nothing', async () => {
    const machine = sessionMachine({}, new SnapshottingAdder());
    machine.apply([open(1), once(2, 1, 1, 5)]);
    const bytes = Buffer.concat([...(machine.snapshot!() as Iterable<Uint8Array>)]);
    const before = machine.save();
    for (const cut of [bytes.subarray(0, 2), bytes.subarray(0, 6)]) {
      await expect(machine.restore!(metaOf(cut, 9), piecesOf(cut, 4))).rejects.toThrow(
        SessionTableError,
      );
      expect(machine.save()).toEqual(before);
    }
    expect(sessionMachine().snapshot).toBeUndefined();
  });

  it('names the option that cannot work', () => {
    expect(() => sessionMachine({ sessionsMax: 0 })).toThrow(InvalidOptionError);
    expect(() => sessionMachine({ pendingMax: 1.5 })).toThrow('pendingMax');
  });
});
