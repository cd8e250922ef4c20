import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VrrpFifo, VrrpFifoError } from '../../src/index.ts';

let directory: string;
let fifo: VrrpFifo;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'raftwall-fifo-'));
  path = join(directory, 'deep', 'fifo');
  fifo = new VrrpFifo({ path, checkMs: 20 });
});
afterEach(() => {
  fifo.stop();
  rmSync(directory, { recursive: true });
});

it('creates the FIFO and its directory', () => {
  fifo.start();
  expect(statSync(path).isFIFO()).toBe(true);
});

it('reads on after a writer has gone', async () => {
  fifo.start();
  for (const state of ['BACKUP', 'MASTER', 'FAULT']) {
    const line = once(fifo, 'line');
    appendFileSync(path, `GROUP "G1" ${state} 0\n`);
    expect((await line)[0]).toMatchObject({ name: 'G1', state });
  }
});

it('counts bad lines and reads the good ones around them', async () => {
  fifo.start();
  const states: string[] = [];
  fifo.on('line', (line) => states.push(line.state));
  appendFileSync(path, 'GROUP "G1" BACKUP 0\nnonsense\n');
  await once(fifo, 'line');
  await expect.poll(() => fifo.badLines).toBe(1);
  expect(states).toEqual(['BACKUP']);
});

it('opens the FIFO again when another one has taken its place', async () => {
  fifo.start();
  execFileSync('mkfifo', [`${path}.new`]);
  renameSync(`${path}.new`, path);
  // As keepalived holds it: what is written waits in the pipe for a reader.
  const writer = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(writer, 'GROUP "G1" MASTER 0\n');
  expect((await once(fifo, 'line'))[0]).toMatchObject({ state: 'MASTER' });
  closeSync(writer);
});

it('makes the FIFO anew when it is removed with its directory', async () => {
  fifo.start();
  rmSync(join(directory, 'deep'), { recursive: true });
  await expect.poll(() => statSync(path, { throwIfNoEntry: false })?.isFIFO()).toBe(true);
  const line = once(fifo, 'line');
  appendFileSync(path, 'GROUP "G1" MASTER 0\n');
  await line;
});

it('refuses a file that is not a FIFO, and names it', () => {
  path = join(directory, 'plain');
  writeFileSync(path, '');
  fifo = new VrrpFifo({ path });
  expect(() => fifo.start()).toThrow(VrrpFifoError);
  expect(() => fifo.start()).toThrow(path);
});
