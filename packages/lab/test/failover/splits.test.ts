import { expect, it } from 'vitest';
import { type Cluster, type Firewall, waitFor } from '../../src/index.ts';
import { oneWriter, sameActivations } from '../support/one-writer.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const SESSIONS = 50;
/** Demoted kernels are cleaned ten seconds later at the earliest (rule K10). */
const CLEANED_MS = 30_000;

const VRRP = ['-p', '112'] as const;
const MEMBERS_IN = ['-i', 'eth2'] as const;
const MEMBERS_OUT = ['-o', 'eth2'] as const;

/** Adds (`-I`) or removes (`-D`) rules that drop what matches. */
async function cut(verb: '-I' | '-D', firewall: Firewall, ...matches: (readonly string[])[]) {
  for (const match of matches) {
    const chain = match.includes('-o') ? 'OUTPUT' : 'INPUT';
    await firewall.namespace.exec('iptables', ['-w', verb, chain, ...match, '-j', 'DROP']);
  }
}

/** Sessions that every firewall knows: what is younger than a capture window may be lost with its firewall. */
async function settledSessions(cluster: Cluster): Promise<Sessions> {
  const sessions = await Sessions.open(cluster, { sessions: SESSIONS });
  await tablesAgree(cluster, { timeoutMs: 20_000 });
  return sessions;
}

it('V6 A3 VRRP is split and the member link whole: two masters, one writer, and the second yields when it hears the first', async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await settledSessions(cluster);
    await sessions.mark();
    for (const firewall of cluster.firewalls) await cut('-I', firewall, VRRP);
    const writer = await waitFor(
      'all are masters, one is the writer, and the others say that they are not the only ones',
      async () => {
        const all = await Promise.all(cluster.firewalls.map(({ raftwall }) => raftwall.status()));
        if (!all.every(({ vrrp }) => vrrp?.state === 'MASTER')) return null;
        const [{ active }] = all as [(typeof all)[number]];
        const others = all.filter(({ node }) => node !== active);
        const isTold = others.every(({ vrrp }) => vrrp?.splitVip && vrrp.trackFileValue === 0);
        const isOne = all.every((status) => status.active === active) && others.length === 2;
        return isOne && isTold ? cluster.firewall(active!) : null;
      },
      { timeoutMs: 20_000 },
    );
    for (const firewall of cluster.firewalls) await cut('-D', firewall, VRRP);
    expect(await oneWriter(cluster)).toBe(writer);
    await sessions.mark();
    await sessions.expectAllSurvive([writer]);
    await sameActivations(cluster);
    await tablesAgree(cluster, { timeoutMs: CLEANED_MS });
    await sessions.close();
  });
});

it('V5 K10 the holder is cut off from the members and VRRP is whole: a ready node takes over, and no session is cut', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    const sessions = await settledSessions(cluster);
    await sessions.mark();
    await cut('-I', first, MEMBERS_IN, MEMBERS_OUT);
    await cluster.waitTakeover(first);
    await sessions.mark();
    const { quorum, notReadyReason } = await first.raftwall.status();
    expect(quorum).toBe(false);
    expect(notReadyReason).not.toBeNull();
    await cut('-D', first, MEMBERS_IN, MEMBERS_OUT);
    const active = await oneWriter(cluster);
    expect(active).not.toBe(first);
    await cluster.waitReady();
    await sessions.expectAllSurvive([active]);
    await sameActivations(cluster);
    await tablesAgree(cluster, { timeoutMs: CLEANED_MS });
    await sessions.close();
  });
});

it('A3 K7 the addresses move from one firewall to another and back at once', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    const sessions = await settledSessions(cluster);
    await sessions.mark();
    await first.keepalived.stop();
    await cluster.waitTakeover(first);
    first.startKeepalived(200);
    await waitFor(
      'the first firewall has the addresses again',
      () => (first.holdsVirtualAddress ? true : null),
      { timeoutMs: 10_000, intervalMs: 10 },
    );
    expect(await oneWriter(cluster)).toBe(first);
    await sessions.mark();
    await sessions.expectAllSurvive([first]);
    await sameActivations(cluster);
    await tablesAgree(cluster, { timeoutMs: CLEANED_MS });
    await sessions.close();
  });
});

it('all raftwalld are dead: traffic and VRRP go on, and recovery needs no hand', async () => {
  await withCluster({}, async (cluster) => {
    const first = cluster.holder!;
    const sessions = await settledSessions(cluster);
    await Promise.all(cluster.firewalls.map((firewall) => firewall.killDaemon()));
    await sessions.mark();
    await sessions.expectAllSurvive();
    expect(cluster.holder).toBe(first);
    // VRRP needs nobody: a clean stop of keepalived moves the addresses, and the sessions with them.
    await first.keepalived.stop();
    await cluster.waitTakeover(first);
    await sessions.mark();
    await sessions.expectAllSurvive([cluster.holder!]);
    for (const firewall of cluster.firewalls) firewall.startRaftwall();
    first.startKeepalived();
    await cluster.waitReady();
    await oneWriter(cluster);
    await tablesAgree(cluster, { timeoutMs: CLEANED_MS });
    await sessions.close();
  });
});
