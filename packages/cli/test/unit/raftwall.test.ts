import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AdminApi, NodeRegistry } from '@raftwall/admin-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  FakeNode,
  sampleFlow,
  sampleStatus,
  silentReport,
} from '../../../admin-api/test/fixtures/fake-node.ts';
import { flowLine } from '../../src/output/flow-line.ts';

// Processes and schema compilers start slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const BIN = fileURLToPath(new URL('../../bin/raftwall', import.meta.url));

/** A node behind a real API on a real socket; the program under test is the real one, too. */
const node = new FakeNode();
const fresh = { ...new FakeNode() };
let directory = '';
let socket = '';
let api: AdminApi;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftwall-cli-'));
  socket = join(directory, 'raftwall.sock');
  const listen = { host: '127.0.0.1', port: 0 };
  api = new AdminApi(
    { socket, listen, tls: null, tokensFile: null, dashboardFiles: {} },
    { node, registry: new NodeRegistry().registry, config: {}, logger: null },
  );
  await api.start();
});

afterAll(async () => {
  await api.stop();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  const { current, table, report, refusal } = fresh;
  Object.assign(node, { current, table, report, refusal });
  node.transfers.length = 0;
  node.memberChanges.length = 0;
  node.reconciles.length = 0;
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function collect(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const start = (...args: string[]) =>
  spawn(BIN, args, { cwd: '/', env: { ...process.env, RAFTWALL_SOCKET: socket } });
const raftwall = (...args: string[]) => collect(start(...args));

describe('status', () => {
  it('is a compact table for people', async () => {
    expect(await raftwall('status')).toEqual({
      code: 0,
      stderr: '',
      stdout: `node     fw1 (leader, cluster edge, version 0.1.0)
ready    yes
quorum   yes
leader   fw1 (term 3)
active   fw1 (epoch 2)
vrrp     MASTER (mode follow, track file 1)
flows    2
index    commit 120, applied 120, kernel 120
capture  proposed 14, applied 14, oldest uncommitted 0 ms
kernel   5 of 262144 entries, 0 queued, 0 overruns, failures EEXIST 1

MEMBER  ADDRESS         ROLE      MATCH  REACHABLE  LEVEL
fw1     10.77.0.1:7650  leader    120    yes        yes
fw2     10.77.0.2:7650  follower  119    yes        yes
fw3     10.77.0.3:7650  follower  -      no         no
`,
    });
  });

  it('--json is the read model, with the option before or behind the command', async () => {
    expect(JSON.parse((await raftwall('status', '--json')).stdout)).toEqual(node.current);
    expect(JSON.parse((await raftwall('--json', 'status')).stdout)).toEqual(node.current);
  });

  it('--wait-ready exits 4 with the reason when the node is not ready in time', async () => {
    node.current = sampleStatus({
      ready: false,
      notReadyReason: 'The kernel is 12 entries behind',
    });
    const { code, stdout, stderr } = await raftwall('status', '--wait-ready', '0.3');
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toBe('raftwall: not ready after 0.3 s: The kernel is 12 entries behind\n');
  });

  it('--wait-ready waits until the node is ready', async () => {
    const readiness = [false, false, false, true];
    node.status = () => ({
      ...fresh.current,
      ready: readiness.length > 1 ? readiness.shift() === true : true,
    });
    try {
      expect(await raftwall('status', '--wait-ready', '20')).toMatchObject({ code: 0 });
      expect(readiness).toEqual([true]);
    } finally {
      Reflect.deleteProperty(node, 'status');
    }
  });

  it('--wait-ready exits 3 when nobody answers until the end', async () => {
    const nowhere = join(directory, 'nowhere.sock');
    const { code } = await raftwall('--socket', nowhere, 'status', '--wait-ready', '0.3');
    expect(code).toBe(3);
  });
});

describe('flows', () => {
  it('are lines in the style of conntrack -L', async () => {
    expect((await raftwall('flows')).stdout).toBe(
      'tcp      6 431998 ESTABLISHED src=192.168.0.2 dst=192.168.1.2 sport=40000 dport=22 src=192.168.1.2 dst=192.168.1.100 sport=22 dport=40000 [ASSURED] mark=0 use=1\n' +
        'udp      17 29 src=192.168.0.2 dst=192.168.1.53 sport=5353 dport=53 [UNREPLIED] src=192.168.1.53 dst=192.168.1.100 sport=53 dport=5353 mark=0 use=1\n',
    );
  });

  it('--json is one object a line', async () => {
    const { stdout } = await raftwall('flows', '--json');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(node.table);
  });

  it('are filtered', async () => {
    const args = '--proto TCP --src 192.168.0.2 --dst 192.168.1.2 --sport 40000 --dport 22';
    await raftwall(
      'flows',
      ...`${args} --state established --zone 0 --mark 0x0 --limit 7`.split(' '),
    );
    expect(node.queries.at(-1)?.query).toEqual({
      proto: 'tcp',
      src: '192.168.0.2',
      dst: '192.168.1.2',
      sport: 40000,
      dport: 22,
      state: 'ESTABLISHED',
      zone: 0,
      mark: 0,
      limit: 7,
    });
  });

  it('of a large table arrive whole', async () => {
    node.table = Array.from({ length: 20_000 }, (_, mark) => sampleFlow({ mark }));
    const { stdout } = await raftwall('flows');
    expect(stdout.trimEnd().split('\n')).toHaveLength(20_000);
  });

  it('end quietly when the reader goes', async () => {
    node.table = Array.from({ length: 20_000 }, (_, mark) => sampleFlow({ mark }));
    const child = start('flows');
    const end = collect(child);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await end).toMatchObject({ code: 0, stderr: '' });
  });

  it('with a bad filter are refused by the daemon with its sentence', async () => {
    const { code, stderr } = await raftwall('flows', '--src', 'fw1');
    expect(code).toBe(1);
    expect(stderr).toContain('src must be an address or a prefix such as 10.0.0.0/8, not "fw1"');
  });
});

describe('the cluster', () => {
  it('members and activations are tables, or JSON', async () => {
    expect((await raftwall('members')).stdout).toMatch(/^MEMBER .*\nfw1 .*\nfw2 .*\nfw3 .*\n$/);
    expect(JSON.parse((await raftwall('members', '--json')).stdout)).toEqual(node.current.members);
    expect((await raftwall('activations')).stdout).toBe(
      `INDEX  GROUP    EPOCH  NODE  OUTCOME
7      default  2      fw1   accepted
9      default  2      fw2   refused: fw1 holds epoch 2
`,
    );
    const { stdout } = await raftwall('activations', '--json');
    expect(JSON.parse(stdout)).toEqual(node.activations());
  });

  it('verify exits 0 when all is equal and 1 with the counts when not', async () => {
    expect(await raftwall('verify')).toMatchObject({ code: 0 });
    const kernel = {
      place: 'kernel',
      kind: 'missing',
      attributes: [],
      flow: sampleFlow(),
    } as const;
    const differences = [
      kernel,
      { ...kernel, place: 'table', kind: 'different', attributes: ['mark', 'tcp'] } as const,
    ];
    const answered = { answered: true, missing: 1, extra: 0, different: 3, tableRanges: 2 };
    const other = { missing: 0, extra: 1, different: 1 };
    node.report = {
      equal: false,
      reference: 'fw1',
      rangesCompared: 2,
      nodes: [
        { ...silentReport, node: 'fw2', ...answered, table: other, differences },
        { ...silentReport, node: 'fw3' },
      ],
    };
    const line = flowLine(sampleFlow());
    expect(await raftwall('verify')).toEqual({
      code: 1,
      stderr: '',
      stdout: `NODE  KERNEL:  MISSING  EXTRA  DIFFERENT  TABLE:  RANGES  MISSING  EXTRA  DIFFERENT
fw2            1        0      3                  2       0        1      1
fw3            -        -      -                  -       -        -      -          did not answer
fw2 kernel missing: ${line}
fw2 table different (mark, tcp): ${line}
fw2 and 4 more
not equal; tables compared with that of fw1, flow by flow in 2 of the 256 key ranges
`,
    });
    const { code, stdout } = await raftwall('verify', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual(node.report);
    expect(node.repairs).toBe(0);
    await raftwall('verify', '--repair');
    expect(node.repairs).toBe(1);
  });

  it('drain and undrain say what they mean', async () => {
    expect(await raftwall('drain')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('until `raftwall undrain`'),
    });
    expect(node.drained).toBe(true);
    expect(await raftwall('undrain', '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/"drained": ?false/),
    });
    expect(node.drained).toBe(false);
  });

  it('transfer moves leadership, or says why not and what next', async () => {
    expect(await raftwall('transfer', 'fw2')).toMatchObject({ code: 0, stdout: 'fw2 leads now\n' });
    expect(node.transfers).toEqual(['fw2']);
    node.refuseWith('unknown-member', 'fw9 is not a member');
    const { code, stderr } = await raftwall('transfer', 'fw9');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'raftwall: fw9 is not a member\nSee raftwall members.\n',
    });
  });

  it('members add, promote and remove change the members and print them, or say who leads', async () => {
    const { stdout: listed } = await raftwall('members');
    for (const words of [
      ['add', 'fw4', '10.77.0.4:7400'],
      ['promote', 'fw4'],
      ['remove', 'fw2'],
    ]) {
      expect(await raftwall('members', ...words)).toMatchObject({ code: 0, stdout: listed });
    }
    expect(node.memberChanges).toEqual([
      { kind: 'add', id: 'fw4', address: '10.77.0.4:7400' },
      { kind: 'promote', id: 'fw4' },
      { kind: 'remove', id: 'fw2' },
    ]);
    node.refuseWith('not-leader', 'members are changed on the leader: ask fw2, which leads');
    expect(await raftwall('members', 'remove', 'fw3')).toMatchObject({
      code: 1,
      stderr: 'raftwall: members are changed on the leader: ask fw2, which leads\n',
    });
  });

  it('members add --wait says how far the new member has come until it is level', async () => {
    const fw4 = { ...node.current.members[1]!, id: 'fw4', role: 'learner' as const };
    const stages = [
      { ...fw4, matchIndex: null, reachable: false, level: false },
      { ...fw4, matchIndex: 60, level: false },
      { ...fw4, matchIndex: 120, level: false },
      { ...fw4, matchIndex: 120, level: true },
    ].map((it) => ({ ...node.current, members: [...node.current.members, it] }));
    // The first looks are for the answer to the change, and for the index to reach.
    const looks = [node.current, node.current, ...stages];
    const status = vi.spyOn(node, 'status').mockImplementation(() => looks.shift() ?? stages[3]!);
    const add = ['members', 'add', 'fw4', '10.77.0.4:7650'];
    const ended = await raftwall(...add, '--wait', '60');
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain('fw4');
    expect(ended.stderr).toBe(
      'fw4 is waited for\nfw4 has the log up to 60 of 120\nfw4 has the log, its kernel is filled\nfw4 is level\n',
    );
    status.mockImplementation(() => stages[1]!);
    expect(await raftwall(...add, '--wait', '0')).toMatchObject({ code: 4 });
    status.mockRestore();
  });

  it('watch prints events until interrupted', async () => {
    const child = start('watch');
    const end = collect(child);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('fw1 is ready, leader fw1, active fw1, 2 flows');
    await expect.poll(() => node.listeners.size, { timeout: 5000 }).toBe(1);
    node.emit({ atMs: 0, kind: 'leader', message: 'fw2 leads', details: { term: 4 } });
    expect((await lines.next()).value).toBe(
      '1970-01-01T00:00:00.000Z  leader      fw2 leads  term=4',
    );
    child.kill('SIGINT');
    expect(await end).toMatchObject({ code: 0, stderr: '' });
  });
});

describe("conntrackd's verbs", () => {
  it('-i and -e list own flows and those of others, without the timeout', async () => {
    expect((await raftwall('-i')).stdout).toMatch(/^tcp {6}6 ESTABLISHED src=.* use=1\n$/);
    expect((await raftwall('-e', 'ct')).stdout).toMatch(/^udp {6}17 src=.* use=1\n$/);
    expect((await raftwall('-i', 'ct', '-x')).stdout).toMatch(/^<flow><meta .*<\/flow>\n$/);
    expect(await raftwall('-e', 'expect')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('-c, -R, -B and -n reconcile and wait for it, in silence', async () => {
    for (const verb of ['-c', '-R', '-B', '-n']) {
      expect(await raftwall(verb)).toEqual({ code: 0, stdout: '', stderr: '' });
    }
    await raftwall('-c', 'exp');
    expect(node.reconciles).toEqual(
      ['-c', '-R', '-B', '-n', '-c'].map((verb) => `raftwall ${verb}`),
    );
  });

  it('-f and -t change nothing and say so', async () => {
    for (const args of [['-f'], ['-f', 'internal'], ['-t']]) {
      const { code, stderr } = await raftwall(...args);
      expect(code).toBe(0);
      expect(stderr).toMatch(/^raftwall: nothing was changed, /);
    }
    expect(node.reconciles).toEqual([]);
  });

  it('-s prints statistics of every topic', async () => {
    expect((await raftwall('-s')).stdout).toBe(
      `replicated table:
	current active flows:        2
	active node:                 fw1
	epoch:                       2

kernel:
	entries:                     5
	limit:                       262144
	level with index:            120
	netlink overruns:            0
	commands waiting:            0
	failed with EEXIST:          1

`,
    );
    for (const topic of ['network', 'cache', 'runtime', 'link', 'queue', 'ct']) {
      const { code, stdout } = await raftwall('-s', topic);
      expect({ topic, code }).toEqual({ topic, code: 0 });
      expect(stdout).toContain(':');
    }
    expect(await raftwall('-s', 'expect')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    [['-s', 'bogus'], "unknown parameter `bogus' for option `-s'"],
    [['-f', 'ct'], "unknown parameter `ct' for option `-f'"],
    [['-i', 'bogus'], "unknown parameter `bogus' for option `-i'"],
    [['-F', '--yes'], '-F is not supported yet'],
    [['-k'], '-k is not supported yet'],
    [['-c', '--bogus'], 'unknown option'],
    [['--socket', '/nonexistent/s', '-s'], 'cannot be reached'],
    [['--socket', '/nonexistent/s', '-t'], 'cannot be reached'],
  ])('fail with exactly 1: %j', async (args, message) => {
    const { code, stderr } = await raftwall(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('the program', () => {
  it.each([
    [['bogus'], "unknown command 'bogus'"],
    [['stauts'], 'Did you mean status?'],
    [['status', '--bogus'], "unknown option '--bogus'"],
    [['members', 'add', 'fw4'], "missing required argument 'address'"],
    [['members', 'remove'], "missing required argument 'node'"],
    [['transfer'], "missing required argument 'node'"],
    [['transfer', 'a', 'b'], 'too many arguments'],
    [['flows', '--sport', 'x'], '--sport wants a whole number, not x'],
    [['status', '--wait-ready', 'soon'], '--wait-ready wants a number of seconds'],
    [['--socket', '/x', '--url', 'http://x', 'status'], 'exclude each other'],
    [['--url', 'ftp://x', 'status'], 'not an http: or https: URL'],
    [['--token-file', '/x', 'status'], 'belong to --url'],
  ])('exits 2 for wrong usage: %j', async (args, message) => {
    const { code, stderr, stdout } = await raftwall(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('exits 3 when the daemon is not there, and says what to do', async () => {
    const { code, stderr } = await raftwall('--socket', '/nonexistent/s', 'status');
    expect(code).toBe(3);
    expect(stderr).toBe(
      'raftwall: raftwalld cannot be reached at /nonexistent/s: the socket does not exist; is raftwalld running?\n' +
        'Start the service (systemctl start raftwalld) or name its socket with --socket.\n',
    );
  });

  it('works over TCP, and names a token file that is not there', async () => {
    const url = `http://127.0.0.1:${api.port}`;
    expect(JSON.parse((await raftwall('--url', url, 'status', '--json')).stdout).node).toBe('fw1');
    const token = join(directory, 'token');
    await writeFile(token, 'secret\n');
    expect((await raftwall('--url', url, '--token-file', token, 'members')).code).toBe(0);
    const missing = await raftwall('--url', url, '--token-file', '/nonexistent/t', 'members');
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('/nonexistent/t') });
  });

  it('has no colours where no terminal is', async () => {
    expect((await raftwall('status')).stdout).not.toContain('\u001b');
  });
});

it('the reference page is what the code generates', async () => {
  const { cliReference } = await import('../../src/reference.ts');
  const page = new URL('../../../../docs/reference/cli.md', import.meta.url);
  expect(await readFile(page, 'utf8')).toBe(cliReference());
});

describe('flows delete', () => {
  it('ends what the filters match', async () => {
    expect(await raftwall('flows', 'delete', '--proto', 'udp')).toMatchObject({
      code: 0,
      stdout: '1 flows deleted\n',
    });
    expect(node.table.map(({ protocol }) => protocol)).toEqual(['tcp']);
  });

  it('wants a filter or --all', async () => {
    expect(await raftwall('flows', 'delete')).toMatchObject({ code: 2, stdout: '' });
    expect(node.table).toHaveLength(2);
    expect(await raftwall('flows', 'delete', '--all', '--json')).toMatchObject({ code: 0 });
    expect(node.table).toHaveLength(0);
  });

  it('says where to go when this node is not active', async () => {
    node.refuseWith('not-active', 'flows are deleted on the active node');
    const { code, stderr } = await raftwall('flows', 'delete', '--all');
    expect(code).toBe(1);
    expect(stderr).toContain('See "active" in raftwall status.');
  });
});

it('flows without a quorum are those of this node, and it is said', async () => {
  node.current = sampleStatus({ quorum: false });
  const { code, stdout, stderr } = await raftwall('flows', '--json');
  expect({ code, lines: stdout.trimEnd().split('\n').length }).toEqual({ code: 0, lines: 2 });
  expect(stderr).toContain('these are the flows that this node knows of');
});

it('config shows what is in force', async () => {
  expect(await raftwall('config')).toMatchObject({ code: 0, stdout: '{}\n' });
});

it('pki makes an authority and certificates without a daemon', async () => {
  const pki = join(directory, 'pki');
  const made = await raftwall('--socket', '/none', 'pki', 'create', pki, 'edge');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(await raftwall('pki', 'issue', pki, 'fw1', '--days', '30', '--json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`"key": "${pki}/fw1.key"`),
  });
  expect(await raftwall('pki', 'issue', pki, 'fw1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('fw1.pem exists; move it away'),
  });
  expect(await raftwall('pki', 'issue', pki, 'fw2', '--days', 'x')).toMatchObject({ code: 2 });
});
