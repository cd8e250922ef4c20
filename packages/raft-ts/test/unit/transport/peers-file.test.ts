import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { PeersFileError } from '../../../src/index.ts';
import { readPeersFile, writePeersFile } from '../../../src/transport/peers-file.ts';

vi.setConfig({ testTimeout: 60_000 });

const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-peers-'));
afterAll(() => rmSync(directory, { recursive: true }));

const file = path.join(directory, 'peers.json');
const peers = new Map([
  ['a', '0123456789abcdef'.repeat(2)],
  ['märz', 'f'.repeat(32)],
]);

describe('the file of known peers', () => {
  it('gives back what was written, and nothing when there is none', async () => {
    expect(await readPeersFile(path.join(directory, 'none.json'))).toEqual(new Map());
    await writePeersFile(file, peers);
    expect(await readPeersFile(file)).toEqual(peers);
  });

  it('with any bit flipped it is refused, or still says the same: a wiped member never passes for a new one', async () => {
    await writePeersFile(file, peers);
    const whole = readFileSync(file);
    let refused = 0;
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, damaged);
      const found = await readPeersFile(file).catch((error: unknown) => {
        expect(error).toBeInstanceOf(PeersFileError);
        expect((error as Error).message).toContain(file);
        refused += 1;
        return peers;
      });
      expect(found).toEqual(peers);
    }
    // What is left are blanks that became other blanks.
    expect(refused).toBeGreaterThan(7.5 * whole.length);
  });

  it('cut anywhere it is refused', async () => {
    await writePeersFile(file, peers);
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length - 1; length++) {
      writeFileSync(file, whole.subarray(0, length));
      await expect(readPeersFile(file)).rejects.toThrow(PeersFileError);
    }
  });
});
