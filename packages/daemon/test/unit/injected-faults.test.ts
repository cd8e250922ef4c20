import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowRecord, FlowTable, OperationWriter } from '@raftwall/flow-table';
import type { Message, Transport } from 'raft-ts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openSeams, type Seams } from '../../src/seams.ts';
import { parseFaultPlan } from '../../src/testing/fault-plan.ts';

// Compilers and npm start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const PACKAGE = new URL('../..', import.meta.url).pathname;

let directory = '';
let file = '';
let seams: Seams;
let files = 0;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'raftwall-faults-'));
  file = join(directory, 'faults.json');
  seams = await openSeams({ RAFTWALL_FAULTS: file });
});

afterEach(() => {
  seams.close();
  rmSync(directory, { recursive: true });
});

const write = (plan: object): void => writeFileSync(file, JSON.stringify(plan));

/** Writes and syncs one byte of a file. @returns the code of the error, or null */
async function store(name: string): Promise<string | null> {
  const { fileSystem } = seams;
  const descriptor = await fileSystem.open(join(directory, `${name}-${files++}`), 'create');
  const error = await new Promise<NodeJS.ErrnoException | undefined | null>((resolve) =>
    fileSystem.write(descriptor, new Uint8Array(1), 0, (failure) =>
      failure ? resolve(failure) : fileSystem.dataSync(descriptor, resolve),
    ),
  );
  await fileSystem.close(descriptor);
  return error?.code ?? null;
}

class FakeTransport implements Transport {
  readonly sent: string[] = [];
  receive: (message: Message) => void = () => undefined;

  start(receive: (message: Message) => void): Promise<void> {
    this.receive = receive;
    return Promise.resolve();
  }

  send(message: Message): void {
    this.sent.push(message.to);
  }

  setPeers(): void {}

  isReachable(): boolean {
    return true;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

const vote = (from: string, to: string): Message => ({
  kind: 'vote-response',
  ...{ from, to, term: 1, granted: true, tornLog: false },
});

it('breaks nothing without the variable, and nothing while the file is absent', async () => {
  const real = new FakeTransport();
  expect((await openSeams({})).transport(real)).toBe(real);
  expect(await store('log')).toBeNull();
});

it('fails the n-th sync of a file whose name fits, from when the file with the faults changed', async () => {
  write({
    storage: [{ call: 'dataSync', nth: 2, path: 'log', effect: { kind: 'error', code: 'ENOSPC' } }],
  });
  const codes: (string | null)[] = [];
  await vi.waitFor(
    async () => {
      codes.push(await store('vote'), await store('log'));
      expect(codes).toContain('ENOSPC');
    },
    { timeout: 20_000, interval: 20 },
  );
  expect(codes.at(-2)).toBeNull();
  expect(codes.filter((code) => code !== null)).toEqual(['ENOSPC']);
});

it('loses the messages of the named member in the named direction, and of no other', async () => {
  write({ dropPeers: [{ peer: 'b', direction: 'receive' }, { peer: 'c' }] });
  seams.close();
  seams = await openSeams({ RAFTWALL_FAULTS: file });
  const real = new FakeTransport();
  const transport = seams.transport(real);
  const received: string[] = [];
  await transport.start(({ from }) => received.push(from));
  for (const peer of ['b', 'c', 'd']) {
    transport.send(vote('a', peer));
    real.receive(vote(peer, 'a'));
  }
  expect(real.sent).toEqual(['b', 'd']);
  expect(received).toEqual(['d']);
});

it.each([
  ['{', 'the file must be JSON'],
  ['[]', 'the file must be an object'],
  ['{"storag":[]}', 'the file.storag must be absent'],
  ['{"storage":[{"call":"fsync"}]}', 'storage[0].call must be one of open, read'],
  [
    '{"storage":[{"call":"write","effect":{"kind":"error","code":5}}]}',
    'storage[0].effect.code must be an errno name',
  ],
  ['{"dropPeers":[{"peer":"b","probability":2}]}', 'dropPeers[0].probability must be a number'],
  ['{"applierDelayMs":-1}', 'applierDelayMs must be a number'],
])('names the place of what it does not understand: %s', (text, message) => {
  expect(() => parseFaultPlan(text)).toThrow(message);
});

it('is in no published package', () => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: PACKAGE, encoding: 'utf8' }),
  );
  const paths: string[] = packed.files.map((entry: { path: string }) => entry.path);
  expect(paths).toContain('dist/seams.js');
  expect(paths.filter((path) => path.includes('testing'))).toEqual([]);
});

it('makes a table forget flows that the log has not ended', async () => {
  const table = seams.table(new FlowTable({}, { nowMs: () => 0 }));
  const writer = new OperationWriter();
  for (let port = 1; port <= 5; port += 1) {
    const flow = new FlowRecord();
    flow.originalL4 = port;
    writer.create(flow);
  }
  table.apply(writer.view());
  write({ forgetFlows: 2 });
  await vi.waitFor(() => expect(table.size).toBe(3), { timeout: 10_000 });
});
