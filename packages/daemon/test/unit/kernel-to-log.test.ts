import { readdirSync, readFileSync } from 'node:fs';
import { ExpectationTable, FlowTable, OperationWriter } from '@raftwall/flow-table';
import { ConntrackCursor, SingleDatagram } from '@raftwall/netlink';
import { describe, expect, it } from 'vitest';

const fixtures = new URL('../../../netlink/test/fixtures/', import.meta.url);

/** Every message that was captured from a kernel, or composed after its source. */
const messages: readonly Uint8Array[] = readdirSync(fixtures)
  .filter((name) => name.endsWith('.hex'))
  .flatMap((name) => readFileSync(new URL(name, fixtures), 'utf8').split('\n'))
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => new Uint8Array(Buffer.from(line, 'hex')));

/** xorshift32: the same changes in every run. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

describe('whatever the kernel says', () => {
  it('is either skipped, or can be written into the log and read again, however it is bent', () => {
    const below = randomNumbers(20_261_125);
    const writer = new OperationWriter();
    const source = new SingleDatagram();
    const cursor = new ConntrackCursor(source, {
      onExpectation: (_, expectation) => writer.expect(expectation),
    });
    const table = new FlowTable({}, { nowMs: () => 0 });
    const expectations = new ExpectationTable();
    for (let round = 0; round < 60_000; round += 1) {
      const bent = messages[below(messages.length)]!.slice();
      for (let changes = below(5); changes > 0; changes -= 1) bent[below(bent.length)] = below(256);
      source.of(bent, 1 + below(4) === 1 ? below(bent.length) : bent.length);
      while (cursor.next()) writer.create(cursor.entry);
      if (round % 500 !== 0) continue;
      const blob = writer.finish();
      table.apply(blob);
      expectations.apply(blob);
      writer.reset();
    }
    expect(cursor.malformed).toBeGreaterThan(1_000);
    expect(cursor.shown).toBeGreaterThan(1_000);
    expect(table.size).toBeGreaterThan(100);
    expect(expectations.size).toBeGreaterThan(10);
  });
});
