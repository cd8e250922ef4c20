import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { KvCluster, type Reply } from './kv-cluster.ts';

/** Every answer comes in this time, or the example hangs. Its own limits are 3 s and 4 s. */
const answerMsMax = 20_000;

describe('three processes with a broken network between them', () => {
  let cluster: KvCluster;

  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  // A test that fails leaves nothing broken to the next one.
  afterEach(() => cluster.network.heal());
  afterAll(() => cluster.close());

  async function leaderAndOthers(): Promise<[string, string[]]> {
    const leader = await cluster.leader();
    return [leader, cluster.ids.filter((id) => id !== leader)];
  }

  const outcomeOf = ({ status, body }: Reply): unknown => [status, JSON.parse(body).outcome];

  it('serve without a leader that is cut off, which never answers from what it had', async () => {
    await cluster.ask('PUT', '/kv/cut', 'old');
    const [deposed, others] = await leaderAndOthers();
    cluster.network.cut([deposed], others);
    const asked = Promise.all(
      Array.from({ length: 20 }, () =>
        cluster.request(deposed, 'GET', '/kv/cut', undefined, answerMsMax),
      ),
    );
    const successor = await cluster.leader(others);
    expect((await cluster.request(successor, 'PUT', '/kv/cut', 'new')).status).toBe(200);
    // What was answered while it still led by right may say the old value; after the write nothing may.
    for (const reply of await asked) expect([200, 421, 503]).toContain(reply.status);
    const late = await cluster.request(deposed, 'GET', '/kv/cut', undefined, answerMsMax);
    expect([421, 503]).toContain(late.status);
    expect(outcomeOf(late)).toEqual([late.status, 'none']);
    cluster.network.heal();
    await cluster.leader();
    expect((await cluster.ask('GET', '/kv/cut')).body).toBe('new');
  });

  it('replace a leader that is heard and hears nobody', async () => {
    const [deaf, others] = await leaderAndOthers();
    cluster.network.block(others, [deaf]);
    const successor = await cluster.leader(others);
    expect(successor).not.toBe(deaf);
    expect((await cluster.request(successor, 'PUT', '/kv/deaf', 'served')).status).toBe(200);
    cluster.network.heal();
    await cluster.leader();
    expect((await cluster.request(deaf, 'GET', '/kv/deaf')).body).toBe('served');
  });

  it('keep their leader when a follower hears nobody, and do not raise the term for it', async () => {
    const [leader, others] = await leaderAndOthers();
    const [deaf, other] = others as [string, string];
    const { term } = await cluster.status(leader);
    cluster.network.block([leader, other], [deaf]);
    // Its own pre-votes go out: it has given up on the leader when it names none.
    while ((await cluster.status(deaf)).leader !== null);
    expect((await cluster.request(leader, 'PUT', '/kv/stray', 'served')).status).toBe(200);
    cluster.network.heal();
    expect(await cluster.leader()).toBe(leader);
    expect((await cluster.status(leader)).term).toBe(term);
  });

  it('serve while every connection is slow by a time of its own', async () => {
    cluster.network.delay(60, new Random(1));
    for (let i = 0; i < 20; i++) await cluster.ask('PUT', '/kv/slow', `${i}`);
    expect((await cluster.ask('GET', '/kv/slow')).body).toBe('19');
    cluster.network.heal();
    await cluster.leader();
  });

  it('answer everything in bounded time without a majority', async () => {
    const [leader, others] = await leaderAndOthers();
    for (const id of others) cluster.pause(id);
    const ask = (method: string, url: string, body?: string): Promise<Reply> =>
      cluster.request(leader, method, url, body, answerMsMax);
    const cas = JSON.stringify({ expect: null, value: 'x' });
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => [
        ask('PUT', '/kv/bounded', 'x'),
        ask('GET', '/kv/bounded'),
        ask('POST', '/kv/bounded/cas', cas),
      ]).flat(),
    );
    for (const reply of replies) expect([421, 503]).toContain(reply.status);
    for (const id of others) cluster.resume(id);
    await cluster.leader();
    expect([200, 404]).toContain((await cluster.ask('GET', '/kv/bounded')).status);
  });
});
