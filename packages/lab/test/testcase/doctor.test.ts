import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Cluster, Firewall } from '../../src/index.ts';
import { withCluster } from '../support/with-cluster.ts';

const RAFTWALL = fileURLToPath(new URL('../../../cli/bin/raftwall', import.meta.url));

interface Finding {
  readonly check: string;
  readonly severity: 'ok' | 'warning' | 'error';
  readonly found: string;
}

interface Diagnosis {
  readonly exitCode: number;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** Runs `raftwall doctor` inside the firewall, on the files that its daemons run with. */
async function diagnose(
  { directory }: Cluster,
  { id, namespace }: Firewall,
  keepalivedFile = join(directory, id, 'run', 'keepalived.conf'),
): Promise<Diagnosis> {
  const config = join(directory, id, 'run', 'raftwall.yaml');
  const command = [
    RAFTWALL,
    'doctor',
    '--json',
    '--config',
    config,
    '--keepalived',
    keepalivedFile,
  ];
  // The exit code is an answer here, not a failure.
  const text = await namespace.exec('sh', ['-c', '"$@"; echo "exit $?"', 'sh', ...command]);
  const [json = '', exitCode] = text.split(/exit (\d+)\n$/);
  return { exitCode: Number(exitCode), ...JSON.parse(json) };
}

/** `check: what was found` of everything that is not right; the lab's members trust their link. */
function troubles({ findings }: Diagnosis): readonly string[] {
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ check, found }) => `${check}: ${found}`)
    .filter((text) => !text.startsWith('config.warning: peers.insecure'));
}

it('K15 doctor: nothing is wrong with a good cluster, whoever is asked, and with a witness', async () => {
  await withCluster({ firewalls: 2, witness: true }, async (cluster) => {
    for (const firewall of cluster.firewalls) {
      const diagnosis = await diagnose(cluster, firewall);
      expect(troubles(diagnosis)).toEqual([]);
      expect(diagnosis).toMatchObject({ exitCode: 0, ok: true });
      const compared = diagnosis.findings.find(({ check }) => check === 'members.ruleset');
      expect(compared?.found).toMatch(/^equal on all members \([2-9]\d* compared\)$/);
    }
  });
});

it('K15 doctor: each of several sabotages is found by name', async () => {
  await withCluster({}, async (cluster) => {
    const [fw1, fw2, fw3] = cluster.firewalls as [Firewall, Firewall, Firewall];
    expect(troubles(await diagnose(cluster, fw1))).toEqual([]);

    await fw3.namespace.sysctl({ 'net.netfilter.nf_conntrack_udp_timeout_stream': 77 });
    await fw2.namespace.exec('iptables', ['-A', 'FORWARD', '-p', 'udp', '-j', 'ACCEPT']);
    await fw3.namespace.exec('nft', ['add', 'table', 'inet', 'extra']);
    const others = troubles(await diagnose(cluster, fw1));
    expect(others).toEqual([
      expect.stringMatching(
        /^members\.sysctl: net\.netfilter\.nf_conntrack_udp_timeout_stream: fw1, fw2 have \d+; fw3 has 77$/,
      ),
      expect.stringMatching(/^members\.ruleset: iptables filter: .*fw2 has [0-9a-f]{16}/),
      expect.stringMatching(/^members\.ruleset: nft inet extra: .*fw3 has [0-9a-f]{16}/),
    ]);

    await fw1.namespace.sysctl({ 'net.netfilter.nf_conntrack_events': 0 });
    const masquerade = '-t nat -A POSTROUTING -o eth0 -s 192.168.0.7 -j MASQUERADE';
    await fw1.namespace.exec('iptables', masquerade.split(' '));
    const own = await diagnose(cluster, fw1);
    expect(own).toMatchObject({ exitCode: 1, ok: false });
    expect(troubles(own)).toEqual(
      expect.arrayContaining([
        'kernel.events: nf_conntrack_events is 0',
        expect.stringMatching(
          /^ruleset\.masquerade: .*-s 192\.168\.0\.7\/32 -o eth0 -j MASQUERADE/,
        ),
        expect.stringMatching(/^members\.ruleset: iptables nat: fw1 has/),
        expect.stringMatching(/^members\.sysctl: net\.netfilter\.nf_conntrack_events: fw1 has 0;/),
      ]),
    );
  });
});

it('doctor finds what is wrong in keepalived.conf, and works when the daemon is down', async () => {
  await withCluster({}, async (cluster) => {
    const [fw1, , fw3] = cluster.firewalls as [Firewall, Firewall, Firewall];
    const file = join(cluster.directory, fw1.id, 'run', 'keepalived.conf');
    const spoilt = join(cluster.directory, 'keepalived.conf');
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      spoilt,
      text.replace(/^ *192\.168\.1\.100.*\n/m, '').replace(/^ *sync_group_tracking_weight\n/m, ''),
    );
    expect(troubles(await diagnose(cluster, fw1, spoilt))).toEqual([
      expect.stringMatching(/^keepalived\.virtual-addresses: 192\.168\.1\.100 is in cluster/),
      expect.stringMatching(/^keepalived\.track-file: .*without sync_group_tracking_weight$/),
    ]);

    await fw3.stopDaemon();
    const down = await diagnose(cluster, fw3);
    expect(down.exitCode).toBe(1);
    expect(troubles(down)).toEqual([expect.stringMatching(/^daemon\.reachable: /)]);
    expect(down.findings.map(({ check }) => check)).toContain('keepalived.track-file');
    expect(troubles(await diagnose(cluster, fw1))).toContain(
      'members.survey: fw3 did not say how it is set up',
    );
  });
});
