import net from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Heartbeat } from '../../../src/core/message.ts';
import { encodeFrame, FrameType } from '../../../src/transport/frame.ts';
import { encodeMessage } from '../../../src/transport/message-codec.ts';
import {
  encodeChunk,
  encodeOffer,
  encodeProgress,
  encodeSnapshotRefusal,
  snapshotWindowBytes,
} from '../../../src/transport/snapshot-codec.ts';
import { eventually, Member } from './pair.ts';
import { greeted, helloFrame, RawPeer } from './raw-peer.ts';
import { contentOf, messageOf, metaOf, newGate, readerOf, Shelf, send } from './snapshot-ends.ts';

// Real sockets, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const stops: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function start(id: string, limits = {}, onSnapshot: Shelf['onSnapshot'] | null = null) {
  const member = new Member(id, { limits });
  member.onSnapshot = onSnapshot;
  stops.push(() => member.transport.stop());
  return member.start();
}

const heartbeat = (from: string, readRound: number): Heartbeat => ({
  kind: 'heartbeat',
  from,
  to: 'b',
  term: 1,
  commit: 0,
  readRound,
});

const content = contentOf(600_000);
const offer = encodeFrame(FrameType.snapshotOffer, encodeOffer(messageOf(metaOf(content), 'x'))!);
const chunk = (from: number, to: number): Buffer =>
  Buffer.concat(encodeChunk(from, content.subarray(from, to)));

const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });

/** Overwrites some bytes, most of them near the beginning, where the fields are. */
function mutated(bytes: Buffer, overwritten: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, value] of overwritten) copy[at % Math.min(copy.length, 120)] = value;
  return copy;
}

describe('a hostile sender of snapshots', () => {
  it.each([
    ['a message', encodeMessage(heartbeat('x', 1)).parts],
    ['a chunk before the offer', encodeChunk(0, content.subarray(0, 10))],
    [
      'an offer in the name of another',
      [encodeFrame(FrameType.snapshotOffer, encodeOffer(messageOf(metaOf(content), 'y'))!)],
    ],
    [
      'an offer to another',
      [encodeFrame(FrameType.snapshotOffer, encodeOffer(messageOf(metaOf(content), 'x', 'z'))!)],
    ],
    ['two offers', [offer, offer]],
  ])('is cut off on %s', async (_, frames) => {
    const shelf = new Shelf();
    const b = await start('b', {}, shelf.onSnapshot);
    const peer = await greeted(b, 'snapshot');
    peer.send(...frames);
    await peer.closed;
    expect(b.counts.of('badFramesTotal')).toBe(1);
    await eventually(() => shelf.openWriters === 0);
    expect(shelf.content.length).toBe(0);
  });

  it.each([
    ['a gap', () => [chunk(0, 100), chunk(101, 200)]],
    ['content that was there already', () => [chunk(0, 100), chunk(50, 150)]],
    [
      'more than was offered',
      () => [
        chunk(0, 262_144),
        chunk(262_144, 524_288),
        Buffer.concat(encodeChunk(524_288, new Uint8Array(100_000))),
      ],
    ],
    ['an empty chunk', () => [chunk(0, 0)]],
    ['a chunk that is too long', () => [Buffer.concat(encodeChunk(0, new Uint8Array(262_145)))]],
    [
      'a damaged chunk',
      () => {
        const bytes = chunk(0, 1000);
        bytes[500]! ^= 4;
        return [bytes];
      },
    ],
    ['another offer', () => [offer]],
    ['a done of its own', () => [encodeFrame(FrameType.snapshotDone)]],
  ])('is cut off on %s, and what was right before it stays', async (_, frames) => {
    const shelf = new Shelf();
    const b = await start('b', {}, shelf.onSnapshot);
    const peer = await greeted(b, 'snapshot');
    peer.send(offer);
    await peer.frame(FrameType.snapshotProgress);
    peer.send(...frames());
    await peer.closed;
    expect(b.counts.of('badFramesTotal')).toBe(1);
    expect(shelf.openWriters).toBe(0);
    expect(shelf.isFinished).toBe(false);
    expect(Buffer.compare(shelf.content, content.subarray(0, shelf.content.length))).toBe(0);
  });

  it('cannot make the receiver hold more than the window', async () => {
    const shelf = new Shelf();
    shelf.gate = newGate().opened;
    const b = await start('b', {}, shelf.onSnapshot);
    const large = contentOf(4 * snapshotWindowBytes);
    const peer = await greeted(b, 'snapshot');
    peer.send(encodeFrame(FrameType.snapshotOffer, encodeOffer(messageOf(metaOf(large), 'x'))!));
    await peer.frame(FrameType.snapshotProgress);
    for (let from = 0; from < large.length; from += 262_144) {
      peer.send(Buffer.concat(encodeChunk(from, large.subarray(from, from + 262_144))));
    }
    await peer.closed;
    expect(b.counts.of('snapshotReceivedBytesTotal')).toBe(snapshotWindowBytes);
    expect(b.counts.of('badFramesTotal')).toBe(1);
    expect(shelf.openWriters).toBe(0);
  });

  it('that stops in the middle loses its place, though it answers pings', async () => {
    const shelf = new Shelf();
    const b = await start('b', { snapshotTimeoutMs: 200, idleTimeoutMs: 100 }, shelf.onSnapshot);
    const peer = await greeted(b, 'snapshot');
    peer.send(offer);
    const pinging = setInterval(() => peer.send(encodeFrame(FrameType.ping)), 20);
    stops.push(() => clearInterval(pinging));
    await peer.closed;
    expect(shelf.begun).toEqual([0]);
    expect(shelf.openWriters).toBe(0);
  });

  it('that is gone before the answer to its offer leaves no writer open', async () => {
    const shelf = new Shelf();
    const answers: (() => void)[] = [];
    const b = await start('b', {}, (one, answer) => {
      answers.push(() => shelf.onSnapshot(one, answer));
    });
    const peer = await greeted(b, 'snapshot');
    peer.send(offer);
    await eventually(() => answers.length === 1);
    peer.socket.end();
    await peer.closed;
    answers[0]!();
    await eventually(() => shelf.begun.length === 1 && shelf.openWriters === 0);
  });

  it('is not listened to on other lanes', async () => {
    const shelf = new Shelf();
    const b = await start('b', {}, shelf.onSnapshot);
    for (const lane of ['control', 'bulk']) {
      const peer = await greeted(b, lane);
      peer.send(offer);
      await peer.closed;
    }
    expect(b.counts.of('badFramesTotal')).toBe(2);
    expect(shelf.offered).toEqual([]);
  });
});

describe('a receiver that lies', () => {
  const progress = (offset: number): Buffer =>
    encodeFrame(FrameType.snapshotProgress, encodeProgress(offset));
  const large = contentOf(3 * snapshotWindowBytes);

  it.each([
    ['to have more than there is', [progress(large.length + 1)]],
    ['to have what was not sent', [progress(0), progress(2 * snapshotWindowBytes)]],
    ['to have less than before', [progress(200), progress(100)]],
  ])('is cut off when it says %s', async (_, answers) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (hello: Buffer) => {
        const lane = ['control', 'bulk', 'snapshot'].find((name) => hello.includes(name))!;
        const identity = { lane, from: 'b', to: 'a', incarnation: '6'.repeat(32) };
        socket.write(helloFrame(identity, FrameType.welcome));
        if (lane === 'snapshot') socket.once('data', () => socket.write(Buffer.concat(answers)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const a = await start('a', { snapshotTimeoutMs: 300 });
    a.transport.setPeers(new Map([['b', `127.0.0.1:${port}`]]));
    await eventually(() => a.transport.isReachable('b'));
    const error = await send(a, messageOf(metaOf(large)), readerOf(large));
    expect(error).toMatchObject({ reason: 'timeout' });
    expect(a.counts.of('badFramesTotal')).toBeGreaterThan(0);
    await a.transport.stop();
  });
});

describe('lanes that do not fit', () => {
  it.each([
    [
      'a later version',
      'telepathy',
      { min: 0, max: 9 },
      'protocol',
      'does not know the lane telepathy',
    ],
    [
      'snapshots, where they are switched off',
      'snapshot',
      { min: 0, max: 0 },
      'feature-level',
      'from feature level 1 on',
    ],
  ] as const)('%s: refused by name', async (_, lane, featureLevels, reason, text) => {
    const b = new Member('b', { featureLevels });
    stops.push(() => b.transport.stop());
    await b.start();
    const peer = new RawPeer(b);
    peer.send(helloFrame({ lane, featureLevels: { min: 0, max: 9 } }));
    await peer.closed;
    expect(peer.frames.map(({ type }) => type)).toEqual([FrameType.refusal]);
    expect(b.refused[0]).toMatchObject({ reason, message: expect.stringContaining(text) });
    expect(b.counts.of('badFramesTotal')).toBe(0);
  });
});

describe('random and mutated bytes', () => {
  const message = Buffer.concat(encodeMessage(heartbeat('x', 7)).parts);
  const entries = [{ index: 1, term: 1, type: 0 as const, data: new Uint8Array(30) }];
  const append = Buffer.concat(
    encodeMessage({
      kind: 'append',
      from: 'x',
      to: 'b',
      term: 1,
      prevIndex: 0,
      prevTerm: 0,
      commit: 0,
      entries,
    }).parts,
  );
  const controls = [FrameType.ping, FrameType.pong, FrameType.welcome, FrameType.refusal];
  const scripts: Readonly<Record<string, readonly Buffer[]>> = {
    control: [message, append, ...controls.map((type) => encodeFrame(type))],
    bulk: [append, message],
    snapshot: [offer, chunk(0, 200_000), chunk(200_000, 400_000), chunk(400_000, 600_000)],
  };
  const step = fc.record({ frame: fc.nat(9), change: changes, cut: fc.nat(400) });

  it.each(Object.keys(scripts))(
    'behind a good hello on the %s lane never crash a member, nor become a part of a snapshot',
    async (lane) => {
      const shelves: Shelf[] = [];
      const b = await start('b', {}, (one, answer) => {
        const shelf = new Shelf();
        shelves.push(shelf);
        shelf.onSnapshot(one, answer);
      });
      const frames = scripts[lane]!;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
          const peer = await greeted(b, lane);
          if (lane === 'snapshot' && steps.length % 2 === 0) {
            peer.send(offer);
            await peer.frame(FrameType.snapshotProgress);
          }
          for (const [i, { frame, change, cut }] of steps.entries()) {
            const bytes = mutated(frames[(frame > 5 ? i : frame) % frames.length]!, change);
            peer.send(cut < 40 ? bytes.subarray(0, cut) : bytes);
          }
          peer.socket.end();
          await peer.closed;
        }),
        { numRuns: 250 },
      );
      expect(b.counts.of('badFramesTotal')).toBeGreaterThan(50);
      for (const shelf of shelves) {
        expect(shelf.openWriters).toBe(0);
        expect(Buffer.compare(shelf.content, content.subarray(0, shelf.content.length))).toBe(0);
      }
      if (lane === 'snapshot') expect(shelves.length).toBeGreaterThan(20);
      const a = await start('a');
      a.knows(b);
      await eventually(() => a.transport.isReachable('b'));
      a.transport.send(heartbeat('a', 4242));
      await b.until(() =>
        b.received.some((one) => one.kind === 'heartbeat' && one.readRound === 4242),
      );
      expect(b.errors).toEqual([]);
    },
  );

  it('instead of a hello never crash a member', async () => {
    const b = await start('b');
    const good = helloFrame();
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((random) => Buffer.from(random)),
      changes.map((change) => mutated(good, change)),
      fc.nat(good.length).map((length) => good.subarray(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (one) => {
        const peer = new RawPeer(b);
        peer.send(one);
        peer.socket.end();
        await peer.closed;
      }),
      { numRuns: 250 },
    );
    expect(b.counts.of('badFramesTotal')).toBeGreaterThan(50);
    expect(b.errors).toEqual([]);
    const peer = await greeted(b, 'control');
    expect(peer.frames).toHaveLength(1);
    peer.socket.destroy();
  });

  it('as the answer of the accepting end never crash a dialling member', async () => {
    const welcome = (lane: string): Buffer =>
      helloFrame({ lane, from: 'b', to: 'a', incarnation: '6'.repeat(32) }, FrameType.welcome);
    const answers = [
      encodeFrame(FrameType.snapshotProgress, encodeProgress(0)),
      encodeFrame(FrameType.snapshotProgress, encodeProgress(300_000)),
      encodeFrame(
        FrameType.snapshotRefusal,
        encodeSnapshotRefusal({ reason: 'busy', detail: 'x' }),
      ),
      encodeFrame(FrameType.pong),
    ];
    const sample = (seed: number) =>
      fc.sample(fc.record({ answer: fc.nat(3), change: changes, isBadHello: fc.boolean() }), {
        seed,
        numRuns: 1,
      })[0]!;
    let dialled = 0;
    const lanes = new Set<string>();
    const server = net.createServer((socket) => {
      const seed = dialled++;
      const { answer, change, isBadHello } = sample(seed);
      socket.on('error', () => undefined);
      socket.once('data', (hello: Buffer) => {
        const lane = ['control', 'bulk', 'snapshot'].find((name) => hello.includes(name))!;
        lanes.add(lane);
        // The control lane is left in peace every other time: nothing is sent to a member that is not connected.
        const isQuiet = lane === 'control' && seed % 2 === 0;
        socket.write(isBadHello && !isQuiet ? mutated(welcome(lane), change) : welcome(lane));
        if (!isQuiet) socket.end(mutated(answers[answer]!, change));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => server.close());
    const a = await start('a', { snapshotTimeoutMs: 60, reconnectMsMin: 1, reconnectMsMax: 2 });
    a.transport.setPeers(
      new Map([['b', `127.0.0.1:${(server.address() as net.AddressInfo).port}`]]),
    );
    const outcomes = new Set<string>();
    while (dialled < 800 || outcomes.size < 2) {
      const error = await send(a, messageOf(metaOf(content)), readerOf(content));
      outcomes.add((error as unknown as { reason: string } | null)?.reason ?? 'sent');
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect([...lanes].sort()).toEqual(['bulk', 'control', 'snapshot']);
    expect(outcomes).not.toContain('sent');
    expect(a.counts.of('badFramesTotal')).toBeGreaterThan(100);
    expect(a.errors).toEqual([]);
    await a.transport.stop();
  });
});
