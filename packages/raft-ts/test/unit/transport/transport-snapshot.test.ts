import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Heartbeat } from '../../../src/core/message.ts';
import type { TcpTransportOptions } from '../../../src/transport/index.ts';
import { TokenBucket } from '../../../src/transport/token-bucket.ts';
import { eventually, Member } from './pair.ts';
import { contentOf, messageOf, metaOf, newGate, readerOf, Shelf, send } from './snapshot-ends.ts';

// Real sockets, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const windowBytes = 1024 * 1024;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function start(
  id: string,
  options: Partial<TcpTransportOptions> = {},
  onSnapshot: Shelf['onSnapshot'] | null = null,
  incarnation?: string,
): Promise<Member> {
  const member = new Member(id, options, incarnation);
  member.onSnapshot = onSnapshot;
  stops.push(() => member.transport.stop());
  return member.start();
}

interface Pair {
  readonly a: Member;
  readonly b: Member;
  readonly shelf: Shelf;
}

/** `a` reaches `b`, which keeps a snapshot on a shelf. */
async function pair(
  limits: TcpTransportOptions['limits'] = {},
  receiving: Partial<TcpTransportOptions> = {},
): Promise<Pair> {
  const shelf = new Shelf();
  const a = await start('a', { limits });
  const b = await start('b', receiving, shelf.onSnapshot);
  a.knows(b);
  b.knows(a);
  await eventually(() => a.transport.isReachable('b') && b.transport.isReachable('a'));
  return { a, b, shelf };
}

/** A relay on loopback: cuts its connections, or swallows everything without closing them. */
async function relayTo(port: number) {
  const sockets = new Set<net.Socket>();
  let isMute = false;
  let relayed = 0;
  let onBytes: () => void = () => undefined;
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    const isBornMute = isMute;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (isMute && !isBornMute) return;
        relayed += chunk.length;
        to.write(chunk);
        onBytes();
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!isMute || isBornMute) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  stops.push(async () => {
    isMute = false;
    cut();
    server.close();
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    /** Connections that exist fall silent; new ones work. */
    mute: () => {
      isMute = true;
    },
    /** Resolves when so many more bytes have passed. */
    passed: (bytes: number) =>
      new Promise<void>((resolve) => {
        const end = relayed + bytes;
        onBytes = () => relayed >= end && resolve();
      }),
  };
}

const heartbeat = (readRound: number): Heartbeat => ({
  kind: 'heartbeat',
  from: 'a',
  to: 'b',
  term: 1,
  commit: 0,
  readRound,
});

const isSame = (shelf: Shelf, content: Uint8Array): boolean =>
  shelf.isFinished && Buffer.compare(shelf.content, content) === 0;

describe('a snapshot over TCP', () => {
  it.each([0, 1, 262_144, 262_145, 3_000_001])('of %i bytes arrives', async (bytes) => {
    const { a, b, shelf } = await pair();
    const content = contentOf(bytes);
    const message = messageOf(metaOf(content));
    expect(await send(a, message, readerOf(content))).toBeNull();
    expect(shelf.offered).toEqual([message]);
    expect(isSame(shelf, content)).toBe(true);
    expect(shelf.openWriters).toBe(0);
    expect(a.counts.of('snapshotSentBytesTotal')).toBe(bytes);
    expect(b.counts.of('snapshotReceivedBytesTotal')).toBe(bytes);
    expect(a.counts.of('snapshotsSentTotal')).toBe(1);
    expect(b.counts.of('snapshotsReceivedTotal')).toBe(1);
  });

  it('has a connection of its own, and only as long as it takes', async () => {
    const { a, b, shelf } = await pair();
    const before = b.counts.of('connectionsTotal');
    const gate = newGate();
    shelf.gate = gate.opened;
    const content = contentOf(2_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    await eventually(() => shelf.begun.length === 1);
    expect(b.counts.of('connectionsTotal')).toBe(before + 1);
    gate.open();
    expect(await sent).toBeNull();
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(b.counts.of('connectionsTotal')).toBe(before + 2);
  });

  it('that is not needed is not sent', async () => {
    const a = await start('a');
    const b = await start('b', {}, (_, answer) => answer(null));
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(500_000);
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(a.counts.of('snapshotSentBytesTotal')).toBe(0);
  });

  it('goes on from the offset that the receiver names', async () => {
    const { a, shelf } = await pair();
    const content = contentOf(3_000_000);
    shelf.content = Buffer.from(content.subarray(0, 2_100_000));
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
    expect(a.counts.of('snapshotSentBytesTotal')).toBe(900_000);
  });

  it('sends no more ahead than the window while the receiver does not write', async () => {
    const { a, b, shelf } = await pair();
    const gate = newGate();
    shelf.gate = gate.opened;
    const content = contentOf(5_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    await eventually(() => b.counts.of('snapshotReceivedBytesTotal') === windowBytes);
    for (let i = 0; i < 20; i++) {
      a.transport.send(heartbeat(i));
      await b.until(() => b.received.length === i + 1);
    }
    expect(a.counts.of('snapshotSentBytesTotal')).toBe(windowBytes);
    gate.open();
    expect(await sent).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
  });
});

describe('messages beside a snapshot', () => {
  it('do not wait for what waits of it', async () => {
    const { a, b, shelf } = await pair();
    const gate = newGate();
    shelf.gate = gate.opened;
    const content = contentOf(4_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    await eventually(() => b.counts.of('snapshotReceivedBytesTotal') === windowBytes);
    const entries = [{ index: 1, term: 1, type: 0 as const, data: new Uint8Array(3_000_000) }];
    const envelope = { from: 'a', to: 'b', term: 1, prevIndex: 0, prevTerm: 0, commit: 0 };
    a.transport.send({ kind: 'append', ...envelope, entries });
    a.transport.send(heartbeat(1));
    await b.until(() => b.received.length === 2);
    expect(shelf.content.length).toBe(0);
    gate.open();
    await sent;
  });

  it('a heartbeat is there before what of it was behind the heartbeat', async () => {
    const { a, b } = await pair({ snapshotBytesPerSecondMax: 1e9 });
    const content = contentOf(16_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    const received = (): number => b.counts.of('snapshotReceivedBytesTotal');
    await eventually(() => received() > windowBytes);
    let rounds = 0;
    let waited = 0;
    while (received() < content.length - 2 * windowBytes) {
      const before = received();
      a.transport.send(heartbeat(rounds));
      rounds += 1;
      await b.until(() => b.received.length === rounds);
      waited = Math.max(waited, received() - before);
    }
    expect(rounds).toBeGreaterThan(5);
    expect(waited).toBeLessThanOrEqual(windowBytes);
    expect(await sent).toBeNull();
  });
});

describe('the rate of snapshots', () => {
  it('is not exceeded, by all of them together', async () => {
    const bytesPerSecond = 1_000_000;
    const { a, b, shelf } = await pair({ snapshotBytesPerSecondMax: bytesPerSecond });
    const other = new Shelf();
    const c = await start('c', {}, other.onSnapshot);
    a.knows(b, c);
    await eventually(() => a.transport.isReachable('c'));
    const content = contentOf(750_000);
    const startMs = performance.now();
    const results = await Promise.all([
      send(a, messageOf(metaOf(content)), readerOf(content)),
      send(a, messageOf(metaOf(content), 'a', 'c'), readerOf(content)),
    ]);
    const seconds = (performance.now() - startMs) / 1000;
    expect(results).toEqual([null, null]);
    expect(isSame(shelf, content) && isSame(other, content)).toBe(true);
    // The first quarter of a second is in the bucket from the beginning.
    expect(seconds).toBeGreaterThan(1.2);
  });

  it('may be so low that a whole chunk would take minutes: smaller ones go then', async () => {
    const { a, shelf } = await pair({ snapshotBytesPerSecondMax: 8000 });
    const content = contentOf(6000);
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
    expect(shelf.written).toEqual([2000, 2000, 2000]);
  });

  it('earns what it may send by the time that passes, and no more than the burst', () => {
    let nowMs = 0;
    const bucket = new TokenBucket(1000, 250, () => nowMs);
    expect(bucket.take(250)).toBe(0);
    expect(bucket.take(500)).toBe(500);
    expect(bucket.take(100)).toBe(600);
    nowMs = 650;
    expect(bucket.take(50)).toBe(0);
    nowMs = 100_000;
    expect(bucket.take(250)).toBe(0);
    expect(bucket.take(10)).toBe(10);
  });
});

describe('a cut in the middle', () => {
  it('is gone on from within the same sending, and little is sent twice', async () => {
    const { a, b, shelf } = await pair({ snapshotBytesPerSecondMax: 1e9 });
    const relay = await relayTo(b.transport.port!);
    a.transport.setPeers(new Map([['b', `127.0.0.1:${relay.port}`]]));
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(12_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    const cuts = 3;
    for (let i = 0; i < cuts; i++) {
      await relay.passed(2_500_000);
      relay.cut();
    }
    expect(await sent).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
    expect(shelf.begun).toHaveLength(cuts + 1);
    expect(shelf.begun[1]).toBeGreaterThan(0);
    expect(shelf.begun[3]).toBeGreaterThan(shelf.begun[2]!);
    // What was on its way is lost: at most a window each time.
    const excess = a.counts.of('snapshotSentBytesTotal') - content.length;
    expect(excess).toBeLessThanOrEqual(cuts * windowBytes);
    expect(shelf.openWriters).toBe(0);
  });

  it('without a sign is noticed, and the new connection takes the place of the old one', async () => {
    const limits = { idleTimeoutMs: 300, snapshotBytesPerSecondMax: 20_000_000 };
    const { a, b, shelf } = await pair(limits, { limits: { idleTimeoutMs: 60_000 } });
    const relay = await relayTo(b.transport.port!);
    a.transport.setPeers(new Map([['b', `127.0.0.1:${relay.port}`]]));
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(6_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    await relay.passed(2_000_000);
    relay.mute();
    expect(await sent).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
    expect(shelf.begun.length).toBeGreaterThanOrEqual(2);
    expect(shelf.openWriters).toBe(0);
  });

  it('by a restart of the receiver is gone on from too', async () => {
    const incarnation = randomBytes(16).toString('hex');
    const shelf = new Shelf();
    const a = await start('a', { limits: { snapshotBytesPerSecondMax: 8_000_000 } });
    const b = await start('b', {}, shelf.onSnapshot, incarnation);
    const { address } = b;
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(4_000_000);
    const sent = send(a, messageOf(metaOf(content)), readerOf(content));
    await eventually(() => shelf.content.length > 1_000_000);
    await b.transport.stop();
    await start('b', { listen: address }, shelf.onSnapshot, incarnation);
    expect(await sent).toBeNull();
    expect(isSame(shelf, content)).toBe(true);
    const excess = a.counts.of('snapshotSentBytesTotal') - content.length;
    expect(excess).toBeLessThanOrEqual(windowBytes);
  });
});

describe('the end of a sending', () => {
  it('on the signal: what was written stays', async () => {
    const { a, shelf } = await pair({ snapshotBytesPerSecondMax: 4_000_000 });
    const content = contentOf(3_000_000);
    const abort = new AbortController();
    const sent = send(a, messageOf(metaOf(content)), readerOf(content), abort.signal);
    await eventually(() => shelf.content.length > 500_000);
    abort.abort(new Error('no longer the leader'));
    expect(await sent).toMatchObject({
      code: 'ERR_RAFT_SNAPSHOT_NOT_SENT',
      reason: 'aborted',
      cause: { message: 'no longer the leader' },
    });
    await eventually(() => shelf.openWriters === 0);
    const kept = shelf.content.length;
    expect(kept).toBeLessThan(content.length);
    const late = send(a, messageOf(metaOf(content)), readerOf(content), abort.signal);
    expect(await late).toMatchObject({ reason: 'aborted' });
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(shelf.begun).toEqual([0, kept]);
  });

  it('when nothing moves: the receiver does not answer the offer', async () => {
    const a = await start('a', { limits: { snapshotTimeoutMs: 300, idleTimeoutMs: 100 } });
    const b = await start('b', {}, () => undefined);
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(10);
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(error).toMatchObject({ reason: 'timeout' });
    expect(a.counts.of('snapshotsNotSentTotal')).toBe(1);
  });

  it('when nothing moves: nobody is there any more, and the error says what came last', async () => {
    const { a, b } = await pair({ snapshotTimeoutMs: 500, idleTimeoutMs: 100 });
    const content = contentOf(10);
    await b.transport.stop();
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    // Whether the other lanes have noticed it already is a matter of time.
    expect(['timeout', 'unreachable']).toContain((error as { reason?: string } | null)?.reason);
  });

  it('when the member is removed, when it moves, and when the transport stops', async () => {
    const gate = newGate();
    const { a, b, shelf } = await pair();
    shelf.gate = gate.opened;
    const content = contentOf(5_000_000);
    const go = () => send(a, messageOf(metaOf(content)), readerOf(content));
    const removed = go();
    await eventually(() => shelf.begun.length === 1);
    a.transport.setPeers(new Map());
    expect(await removed).toMatchObject({ reason: 'closed' });
    expect(await go()).toMatchObject({ reason: 'unreachable' });
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const stopped = go();
    await eventually(() => shelf.begun.length === 2);
    await a.transport.stop();
    expect(await stopped).toMatchObject({ reason: 'closed' });
    expect(await go()).toMatchObject({ reason: 'unreachable' });
  });

  it('one at a time to a member', async () => {
    const { a, shelf } = await pair();
    const gate = newGate();
    shelf.gate = gate.opened;
    const content = contentOf(300_000);
    const first = send(a, messageOf(metaOf(content)), readerOf(content));
    const second = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(second).toMatchObject({ reason: 'underway' });
    gate.open();
    expect(await first).toBeNull();
  });

  it.each([
    ['unsupported', 'keeps no snapshots', null],
    [
      'refused',
      'no room',
      (_: unknown, answer: (result: Error) => void) => answer(new Error('no room')),
    ],
  ] as const)('on a refusal: %s', async (reason, text, onSnapshot) => {
    const a = await start('a');
    const b = await start('b', {}, onSnapshot);
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(10);
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(error).toMatchObject({ reason, message: expect.stringContaining(text) });
    expect(b.counts.of('snapshotsRefusedTotal')).toBe(1);
  });

  it.each(['write', 'finish'] as const)('when the receiver fails to %s it', async (step) => {
    const { a, shelf } = await pair();
    shelf.problem = { [step]: new Error('the disk is full') };
    const content = contentOf(2_000_000);
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(error).toMatchObject({
      reason: 'failed',
      message: expect.stringContaining('disk is full'),
    });
    await eventually(() => shelf.openWriters === 0);
  });

  it('when the own copy cannot be read, or is shorter than it says', async () => {
    const { a } = await pair();
    const content = contentOf(2_000_000);
    const message = messageOf(metaOf(content));
    const damaged = await send(
      a,
      message,
      readerOf(content, () => new Error('a damaged chunk')),
    );
    expect(damaged).toMatchObject({ reason: 'unreadable', cause: { message: 'a damaged chunk' } });
    const short = await send(a, message, readerOf(content.subarray(0, 100)));
    expect(short).toMatchObject({ reason: 'unreadable' });
  });

  it('when its configuration does not fit into a frame', async () => {
    const { a } = await pair();
    const meta = metaOf(contentOf(10));
    const addresses = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`m${i}`, `${'x'.repeat(100)}:${i}`]),
    );
    const message = messageOf({ ...meta, config: { ...meta.config, addresses } });
    expect(await send(a, message, readerOf(contentOf(10)))).toMatchObject({ reason: 'oversize' });
  });
});

describe('a receiver', () => {
  it('takes only so many at a time; the others come when there is room', async () => {
    const shelves = { a: new Shelf(), c: new Shelf() };
    const gate = newGate();
    shelves.a.gate = gate.opened;
    const b = await start('b', { limits: { snapshotsInboundMax: 1 } }, (message, answer) =>
      shelves[message.from as 'a' | 'c'].onSnapshot(message, answer),
    );
    const [a, c] = [await start('a'), await start('c')];
    for (const sender of [a, c]) sender.knows(b);
    await eventually(() => a.transport.isReachable('b') && c.transport.isReachable('b'));
    const content = contentOf(400_000);
    const first = send(a, messageOf(metaOf(content)), readerOf(content));
    await eventually(() => shelves.a.begun.length === 1);
    const second = send(c, messageOf(metaOf(content), 'c'), readerOf(content));
    await eventually(() => b.counts.of('snapshotsRefusedTotal') > 2);
    expect(shelves.c.begun).toEqual([]);
    gate.open();
    expect(await Promise.all([first, second])).toEqual([null, null]);
    expect(isSame(shelves.c, content)).toBe(true);
  });

  it('of a version without snapshots is not even dialled, and the error says why', async () => {
    const { a, b } = await pair({}, { featureLevels: { min: 0, max: 0 } });
    const before = a.counts.of('connectionsTotal');
    const content = contentOf(10);
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(error).toMatchObject({ reason: 'feature-level' });
    expect(String(error)).toContain('it has feature level 0, snapshots need 1');
    expect(a.counts.of('connectionsTotal')).toBe(before);
    expect(b.counts.of('badFramesTotal')).toBe(0);
  });
});
