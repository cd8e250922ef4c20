import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { KvCluster, retryMs } from './kv-cluster.ts';

const rounds = process.env['RAFTWALL_TEST_LONG'] === '1' ? 60 : 12;
const valuesPerRound = 5;
/** For two of three members to elect one of them, or not. */
const electionMsMax = 3000;

interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly mask: number;
}

describe('one of three members has a damaged file', () => {
  const random = new Random(20);
  const seen = { refused: 0, started: 0 };
  const values = new Map<string, string>();
  let cluster: KvCluster;

  beforeAll(async () => {
    // Everything that a member may have on its disk is there: several segments, a snapshot, known peers.
    cluster = await KvCluster.start({
      words: ['--snapshot-entries', '60', '--segment-bytes', '16384'],
    });
    await put('first', 150);
  });
  afterAll(() => cluster.close());

  async function put(name: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const [key, value] = [`${name}-${i}`, `${name} ${i} ${'x'.repeat(random.integer(0, 300))}`];
      expect((await cluster.ask('PUT', `/kv/${key}`, value)).status).toBe(200);
      values.set(key, value);
    }
  }

  /** Any file, and in it a header as likely as all the rest. */
  function drawDamage(id: string): Damage {
    const directory = cluster.directoryOf(id);
    const names = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.spare'))
      .map((entry) => path.join(entry.parentPath, entry.name));
    const kinds = [...new Set(names.map((name) => path.extname(name) || path.basename(name)))];
    const kind = random.pick(kinds);
    const file = random.pick(names.filter((name) => name.endsWith(kind)));
    const image = readFileSync(file);
    const end = image.findLastIndex((byte) => byte !== 0);
    const offset = random.integer(0, random.chance(0.5) ? Math.min(end, 400) : end);
    return { file, offset, mask: 1 << random.integer(0, 7) };
  }

  function apply({ file, offset, mask }: Damage): void {
    const image = readFileSync(file);
    image[offset]! ^= mask;
    writeFileSync(file, image);
  }

  /** Whether the member starts; if it does not it must say what is damaged. */
  async function starts(id: string, damage: Damage): Promise<boolean> {
    cluster.output = '';
    try {
      await cluster.startMember(id);
      seen.started += 1;
      return true;
    } catch {
      await cluster.end(id, 'SIGKILL');
      expect(cluster.output).toContain(damage.file);
      seen.refused += 1;
      return false;
    }
  }

  /** Which of them leads, if they find one. */
  async function leaderAmong(ids: readonly string[]): Promise<string | null> {
    const deadlineMs = performance.now() + electionMsMax;
    while (performance.now() < deadlineMs) {
      for (const id of ids) if ((await cluster.status(id)).role === 'leader') return id;
      await sleep(retryMs);
    }
    return null;
  }

  it.each(Array.from({ length: rounds }, (_, round) => round))(
    'L3: no acknowledged write is lost, round %i',
    async (round) => {
      const leader = await cluster.leader();
      const [victim, stale] = random.shuffle(cluster.ids.filter((id) => id !== leader)) as [
        string,
        string,
      ];
      // These are on two disks only. The victim's alone must keep the stale member from leading.
      await cluster.end(stale, 'SIGKILL');
      await put(`round-${round}`, valuesPerRound);
      await Promise.all([cluster.end(victim, 'SIGKILL'), cluster.end(leader, 'SIGKILL')]);
      const damage = drawDamage(victim);
      apply(damage);

      const isStarted = await starts(victim, damage);
      await cluster.startMember(stale);
      const elected = isStarted ? await leaderAmong([victim, stale]) : null;
      if (elected !== null) await expectAll(elected, round);
      await cluster.startMember(leader);
      if (!isStarted) {
        apply(damage);
        await cluster.startMember(victim);
      }
      const { ids } = cluster;
      await cluster.leader();
      for (const id of ids) await expectAll(id, round);
    },
  );

  it('both a refusal and a start were seen', () => {
    expect(seen.refused).toBeGreaterThan(0);
    expect(seen.started).toBeGreaterThan(0);
  });

  /** The values of this round, and some of those before. */
  async function expectAll(id: string, round: number): Promise<void> {
    const fresh = Array.from({ length: valuesPerRound }, (_, i) => `round-${round}-${i}`);
    for (const key of [...fresh, ...random.shuffle([...values.keys()]).slice(0, 10)]) {
      expect(await cluster.read(id, key)).toEqual({ status: 200, body: values.get(key) });
    }
  }
});
