import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AppendRequest, Heartbeat, Message } from '../../../src/core/message.ts';
import { encodeFrame, FrameType } from '../../../src/transport/frame.ts';
import { encodeHello } from '../../../src/transport/handshake.ts';
import { PeersFileError, type TcpTransportOptions } from '../../../src/transport/index.ts';
import { encodeMessage } from '../../../src/transport/message-codec.ts';
import { connectedPair, eventually, Member } from './pair.ts';

// Real sockets, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const stops: (() => Promise<void>)[] = [];
const made: string[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

function kept<M extends readonly Member[]>(members: M): M {
  for (const member of members) stops.push(() => member.transport.stop());
  return members;
}

async function pair(
  first: Partial<TcpTransportOptions> = {},
  second: Partial<TcpTransportOptions> = {},
): Promise<readonly [Member, Member]> {
  return kept(await connectedPair(first, second));
}

async function alone(
  id: string,
  options: Partial<TcpTransportOptions> = {},
  incarnation?: string,
): Promise<Member> {
  const member = new Member(id, options, incarnation);
  kept([member]);
  return member.start();
}

function newDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-peers-'));
  made.push(directory);
  return directory;
}

/** A relay on loopback that can swallow everything, in both directions, without closing anything. */
async function cuttableLine(port: number) {
  let isCut = false;
  let diallingsWhileCut = 0;
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    if (isCut) diallingsWhileCut += 1;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => isCut || to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => isCut || to.destroy());
    }
    stops.push(async () => {
      near.destroy();
      far.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => void server.close());
  return {
    port: (server.address() as net.AddressInfo).port,
    diallingsWhileCut: () => diallingsWhileCut,
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
    },
  };
}

const heartbeat = (readRound: number, from = 'a', to = 'b'): Heartbeat => ({
  kind: 'heartbeat',
  from,
  to,
  term: 1,
  commit: 0,
  readRound,
});

const bulk = (bytes: number, prevIndex = 0): AppendRequest => ({
  kind: 'append',
  from: 'a',
  to: 'b',
  term: 1,
  prevIndex,
  prevTerm: 0,
  commit: 0,
  entries: [{ index: prevIndex + 1, term: 1, type: 0, data: new Uint8Array(bytes) }],
});

const roundsOf = (messages: readonly Message[]): number[] =>
  messages.flatMap((message) => (message.kind === 'heartbeat' ? [message.readRound] : []));

describe('TcpTransport between two members', () => {
  it('delivers in order on each lane, in both directions', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 2000; i++) {
      a.transport.send(heartbeat(i));
      a.transport.send(bulk(i % 700, i));
      b.transport.send(heartbeat(i, 'b', 'a'));
    }
    await b.until(() => b.received.length === 4000);
    await a.until(() => a.received.length === 2000);
    const numbers = Array.from({ length: 2000 }, (_, i) => i);
    expect(roundsOf(b.received)).toEqual(numbers);
    expect(roundsOf(a.received)).toEqual(numbers);
    const appends = b.received.filter((message) => message.kind === 'append');
    expect(appends.map(({ prevIndex }) => prevIndex)).toEqual(numbers);
    expect(appends[699]?.entries[0]?.data.length).toBe(699);
  });

  it('sends the frames of one turn together', async () => {
    const [a, b] = await pair();
    const sockets = net.Socket.prototype as unknown as { _write(): void; _writev(): void };
    const write = vi.spyOn(sockets, '_write');
    const writev = vi.spyOn(sockets, '_writev');
    for (let i = 0; i < 100; i++) a.transport.send(heartbeat(i));
    await b.until(() => b.received.length === 100);
    expect(writev.mock.calls.length + write.mock.calls.length).toBeLessThan(10);
    vi.restoreAllMocks();
  });

  it('a heartbeat does not wait behind megabytes of entries', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 6; i++) a.transport.send(bulk(4_000_000, i));
    a.transport.send(heartbeat(7));
    await b.until(() => b.received.some(({ kind }) => kind === 'heartbeat'));
    const position = b.received.findIndex(({ kind }) => kind === 'heartbeat');
    expect(position).toBeLessThan(6);
    await b.until(() => b.received.length === 7);
  });

  it('drops beyond the limit of waiting bytes, counts it, and delivers the rest', async () => {
    const [a, b] = await pair({ limits: { bulkBytesMax: 1_000_000 } });
    for (let i = 0; i < 100; i++) a.transport.send(bulk(100_000, i));
    expect(a.counts.of('droppedFullTotal')).toBe(91);
    await b.until(() => b.received.length === 9);
    expect(a.transport.isReachable('b')).toBe(true);
    a.transport.send(bulk(9_000_000));
    expect(a.counts.of('droppedOversizeTotal')).toBe(1);
  });

  it('reconnects when the peer has been restarted', async () => {
    const incarnation = randomBytes(16).toString('hex');
    const a = await alone('a');
    const b = await alone('b', {}, incarnation);
    const { address } = b;
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    await b.transport.stop();
    await eventually(() => !a.transport.isReachable('b'));
    a.transport.send(heartbeat(1));
    expect(a.counts.of('droppedUnreachableTotal')).toBe(1);
    const again = await alone('b', { listen: address }, incarnation);
    await eventually(() => a.transport.isReachable('b'));
    a.transport.send(heartbeat(2));
    await again.until(() => again.received.length === 1);
    expect(roundsOf(again.received)).toEqual([2]);
  });

  it('gives up a peer that falls silent without closing, and finds it again', async () => {
    const limits = { idleTimeoutMs: 200, connectTimeoutMs: 200 };
    const patient = { idleTimeoutMs: 60_000, connectTimeoutMs: 60_000 };
    const [a, b] = [await alone('a', { limits }), await alone('b', { limits: patient })];
    const line = await cuttableLine(b.transport.port!);
    a.transport.setPeers(new Map([['b', `127.0.0.1:${line.port}`]]));
    await eventually(() => a.transport.isReachable('b'));
    line.cut();
    await eventually(() => !a.transport.isReachable('b'));
    // Both lanes are being dialled again, into the void.
    await eventually(() => line.diallingsWhileCut() >= 2);
    line.mend();
    await eventually(() => a.transport.isReachable('b'));
    a.transport.send(heartbeat(1));
    await b.until(() => b.received.length === 1);
  });

  it('follows a changed address, and forgets a peer that is no member', async () => {
    const [a, b] = await pair();
    const b2 = await alone('c');
    a.knows(b, b2);
    await eventually(() => a.transport.isReachable('c'));
    expect(a.transport.isReachable('b')).toBe(true);
    a.knows(b2);
    expect(a.transport.isReachable('b')).toBe(false);
    a.transport.send(heartbeat(1));
    expect(b.received).toEqual([]);
  });

  it('answers a member whose address it does not know yet', async () => {
    const [a, b] = [await alone('a'), await alone('b')];
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    b.transport.send(heartbeat(0, 'b', 'a'));
    await eventually(() => b.transport.isReachable('a'));
    b.transport.send(heartbeat(1, 'b', 'a'));
    await a.until(() => a.received.length === 1);
  });

  it('can be stopped at any time, and sending then does nothing', async () => {
    const [a] = await pair();
    await a.transport.stop();
    a.transport.send(heartbeat(1));
    expect(a.transport.isReachable('b')).toBe(false);
    await a.transport.stop();
  });
});

describe('the handshake', () => {
  const differing: Readonly<Record<string, Partial<TcpTransportOptions>>> = {
    'cluster-id': { clusterId: 'other' },
    'cluster-generation': { clusterGeneration: 1 },
    'feature-level': { featureLevels: { min: 5, max: 6 } },
    options: { optionsDigest: 'abc' },
  };

  it.each(Object.entries(differing))(
    'refuses on a differing %s, and says so once',
    async (reason, options) => {
      const a = await alone('a');
      const b = await alone('b', options);
      a.knows(b);
      await a.until(() => a.refused.length > 0);
      await b.until(() => b.refused.length > 0);
      expect(a.refused[0]).toMatchObject({
        peer: 'b',
        by: 'peer',
        reason,
        code: 'ERR_RAFT_PEER_REFUSED',
      });
      expect(b.refused[0]).toMatchObject({ peer: 'a', by: 'self', reason });
      await eventually(() => b.counts.of('refusalsTotal') > 6);
      expect(a.refused).toHaveLength(1);
      expect(b.refused).toHaveLength(1);
      expect(a.transport.isReachable('b')).toBe(false);
    },
  );

  it('refuses a member that is not the one that was meant, and one of the own id', async () => {
    const a = await alone('a');
    const b = await alone('b');
    const twin = await alone('a');
    a.transport.setPeers(new Map([['z', b.address]]));
    await a.until(() => a.refused.length > 0);
    expect(a.refused[0]).toMatchObject({ peer: 'z', by: 'peer', reason: 'wrong-peer' });
    twin.knows(a);
    await a.until(() => a.refused.length > 1);
    expect(a.refused[1]).toMatchObject({ by: 'self', reason: 'own-id' });
  });

  it('L4 generation: an empty log fits to every one, until it turns out to be of another', async () => {
    const [a, b] = await pair({ clusterGeneration: 1 }, { clusterGeneration: null });
    b.transport.setGeneration(1);
    expect(a.transport.isReachable('b') && b.transport.isReachable('a')).toBe(true);
    const c = await alone('c', { clusterGeneration: null });
    a.knows(b, c);
    c.knows(a);
    await eventually(() => a.transport.isReachable('c') && c.transport.isReachable('a'));
    c.transport.setGeneration(0);
    await a.until(() => a.refused.length === 2);
    await c.until(() => c.refused.length === 2);
    for (const { reason } of [...a.refused, ...c.refused])
      expect(reason).toBe('cluster-generation');
    expect(a.transport.isReachable('c') || c.transport.isReachable('a')).toBe(false);
  });

  it('feature levels that overlap fit', async () => {
    await pair({ featureLevels: { min: 1, max: 3 } }, { featureLevels: { min: 3, max: 7 } });
  });

  it('B28: who is no member is not remembered, and who is none any more is forgotten', async () => {
    const peersFile = path.join(newDirectory(), 'peers.json');
    const [before, after] = ['1'.repeat(32), '2'.repeat(32)] as const;
    const a = await alone('a', { peersFile });
    a.knows();
    const b = await alone('b', {}, before);
    b.knows(a);
    await eventually(() => b.transport.isReachable('a'));
    expect(existsSync(peersFile)).toBe(false);
    // It becomes a member: the directory behind the connection that it has is the one to stay.
    a.knows(b);
    await eventually(() => existsSync(peersFile) && a.transport.isReachable('b'));
    expect(readFileSync(peersFile, 'utf8')).toContain(before);
    // Gone before it is removed, and not while it dials: a hello still on its way would be that of the member to come.
    await eventually(() => b.transport.isReachable('a'));
    await b.transport.stop();
    a.knows();
    await eventually(() => !readFileSync(peersFile, 'utf8').includes(before));
    const returned = await alone('b', {}, after);
    a.knows(returned);
    returned.knows(a);
    await eventually(() => a.transport.isReachable('b') && returned.transport.isReachable('a'));
    expect(readFileSync(peersFile, 'utf8')).toContain(after);
  });

  it('a file of known peers that cannot be understood stops the start', async () => {
    const peersFile = path.join(newDirectory(), 'peers.json');
    writeFileSync(peersFile, '{"version": 2, "peers": {"b": "no"}}');
    const a = new Member('a', { peersFile });
    await expect(a.start()).rejects.toThrow(PeersFileError);
  });

  it('plain TCP must be asked for', () => {
    expect(() => new Member('a', { insecure: false })).toThrow(/insecure must be true/);
    expect(() => new Member('a', { listen: 'nowhere' })).toThrow(/listen must be host:port/);
  });
});

describe('bytes from strangers', () => {
  function hello(from: string, to: string): Buffer {
    const body = encodeHello({
      lane: 'control',
      clusterId: 'c',
      clusterGeneration: 0,
      from,
      to,
      incarnation: '5'.repeat(32),
      featureLevels: { min: 0, max: 0 },
      optionsDigest: '',
      address: '127.0.0.1:1',
    });
    return encodeFrame(FrameType.hello, body);
  }

  /** Sends bytes, and resolves when the other end has closed. */
  function attack(member: Member, ...chunks: Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect(member.transport.port!, '127.0.0.1', () => {
        for (const chunk of chunks) socket.write(chunk);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  }

  /** Says hello, waits for the welcome, then sends bytes. */
  function attackAsMember(member: Member, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect(member.transport.port!, '127.0.0.1');
      socket.write(hello('x', 'b'));
      socket.once('data', () => socket.end(bytes));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }

  it('close that connection, are counted, and harm nobody else', async () => {
    const [a, b] = await pair();
    const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 4]);
    const overHandshake = Buffer.from([0, 0, 0x20, 0, 1, 1]);
    for (const bytes of [huge, overHandshake, Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
      await attack(b, bytes);
    }
    expect(b.counts.of('badFramesTotal')).toBe(3);
    await attack(b, encodeMessage(heartbeat(1, 'x', 'b')).parts[0]!);
    await attack(b, encodeFrame(FrameType.hello, Buffer.from([0x91, 1])));
    expect(b.counts.of('badFramesTotal')).toBe(5);
    a.transport.send(heartbeat(9));
    await b.until(() => b.received.length > 0);
    expect(roundsOf(b.received)).toEqual([9]);
  });

  it('a member cannot speak for another one, nor to another one', async () => {
    const b = await alone('b');
    for (const message of [heartbeat(1, 'y', 'b'), heartbeat(1, 'x', 'c')]) {
      const bad = b.counts.of('badFramesTotal');
      await attackAsMember(b, encodeMessage(message).parts[0]!);
      expect(b.counts.of('badFramesTotal')).toBe(bad + 1);
    }
    await attackAsMember(b, encodeMessage(heartbeat(3, 'x', 'b')).parts[0]!);
    expect(roundsOf(b.received)).toEqual([3]);
  });

  it('random and mutated frames after a good hello never crash it', async () => {
    const [a, b] = await pair();
    const samples = [heartbeat(1, 'x', 'b'), { ...bulk(30), from: 'x' }].map((message) =>
      Buffer.concat(encodeMessage(message).parts),
    );
    for (let round = 0; round < 300; round++) {
      const random = randomBytes(8);
      const frame = Buffer.from(samples[round % 2]!);
      for (let i = 0; i < 1 + (random[0]! % 3); i++) {
        frame[random[1 + i]! % frame.length] = random[4 + i]!;
      }
      const bytes = round % 5 === 0 ? randomBytes(64) : frame;
      await attackAsMember(b, bytes);
    }
    expect(b.counts.of('badFramesTotal')).toBeGreaterThan(50);
    a.transport.send(heartbeat(4242));
    await b.until(() => roundsOf(b.received).includes(4242));
  });

  it('a connection that never says hello is closed', async () => {
    const b = await alone('b', { limits: { connectTimeoutMs: 50 } });
    await attack(b);
    expect(b.counts.of('connectionsTotal')).toBe(0);
  });
});
