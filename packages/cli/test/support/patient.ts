import { readFileSync } from 'node:fs';
import type { AdminClient, SurveyReport } from '@raftwall/admin-api/client';
import { sampleStatus } from '../../../admin-api/test/fixtures/fake-node.ts';
import { diagnose } from '../../src/doctor/diagnosis.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Host } from '../../src/doctor/host.ts';

const deployed = (mode: string): string =>
  readFileSync(new URL(`../../../../deploy/keepalived/${mode}.conf`, import.meta.url), 'utf8');

const goodConfig = `cluster:
  name: edge
  members:
    - { id: fw1, address: "10.77.0.1:7650" }
    - { id: fw2, address: "10.77.0.2:7650" }
    - { id: fw3, address: "10.77.0.3:7650" }
  virtualAddresses: ["192.168.0.100", "192.168.1.100"]
node: { id: fw1 }
peers: { tls: { ca: /a, cert: /b, key: /c } }
vrrp: { mode: MODE, instance: { group: G1 }, advertIntervalMs: 300 }
kernel: { maxEntries: 100000 }
capture: { destroyHoldMs: 1000 }
`;

/** Rules that track and translate, as `iptables-save` prints them. */
export const goodRules = `*nat
-A POSTROUTING -s 192.168.0.3/32 -j SNAT --to-source 192.168.1.100
COMMIT
`;

const facts = { 'sysctl x': '1', 'config y': '"a"', 'ruleset iptables nat': 'abc', helpers: '' };
/** What a member answers where all are alike. */
export const member = (node: string, more: object = {}): SurveyReport['nodes'][number] => ({
  node,
  answered: true,
  wallClockMs: 1_000_000,
  facts: { ...facts, ...more },
});

/** A firewall on which all is well; a test says what is otherwise. */
export interface Patient {
  readonly mode?: 'follow' | 'lead' | 'strict';
  readonly config?: (text: string) => string | null;
  readonly keepalived?: (text: string) => string | null;
  readonly sysctls?: Readonly<Record<string, number | null>>;
  readonly nft?: string | null;
  readonly iptables?: string | null;
  readonly tools?: Readonly<Record<string, string>>;
  readonly status?: Parameters<typeof sampleStatus>[0] | Error;
  readonly survey?: Partial<SurveyReport> | Error;
}

/** Members as a leader sees them when all are there. */
export const allReachable = sampleStatus().members.map((it) => ({ ...it, reachable: true }));

const sysctlsOf = (changed: Patient['sysctls'] = {}): Readonly<Record<string, number | null>> => ({
  'net.netfilter.nf_conntrack_max': 262_144,
  'net.netfilter.nf_conntrack_buckets': 65_536,
  'net.netfilter.nf_conntrack_count': 12,
  'net.netfilter.nf_conntrack_events': 1,
  'net.netfilter.nf_conntrack_acct': 0,
  'net.netfilter.nf_conntrack_tcp_loose': 0,
  'net.netfilter.nf_conntrack_tcp_be_liberal': 0,
  'net.ipv4.ip_forward': 1,
  'net.core.rmem_max': 212_992,
  ...changed,
});

function hostOf(patient: Patient): Host {
  const { mode = 'follow', config = String, keepalived = String } = patient;
  const sysctls = sysctlsOf(patient.sysctls);
  const files: Readonly<Record<string, string | null>> = {
    '/config': config(goodConfig.replace('MODE', mode)),
    '/keepalived': keepalived(deployed(mode)),
    ...Object.fromEntries(
      Object.entries(sysctls).map(([name, value]) => [
        `/proc/sys/${name.replaceAll('.', '/')}`,
        value === null ? null : `${value}\n`,
      ]),
    ),
  };
  const tools: Readonly<Record<string, string | null>> = {
    nft: patient.nft === undefined ? '' : patient.nft,
    'iptables-save': patient.iptables === undefined ? goodRules : patient.iptables,
    'ip6tables-save': patient.nft === null ? null : '',
    ...patient.tools,
  };
  return {
    read: async (file) => files[file] ?? null,
    output: async (file) => tools[file] ?? null,
    addresses: () => ['127.0.0.1', '10.77.0.1', '192.168.1.11', '192.168.1.100', 'fd00::11'],
    isRoot: true,
  };
}

function clientOf({ status = {}, survey = {} }: Patient): AdminClient {
  const client: Pick<AdminClient, 'status' | 'survey'> = {
    status: async () => {
      if (status instanceof Error) throw status;
      return sampleStatus({ members: allReachable, ...status });
    },
    survey: async () => {
      if (survey instanceof Error) throw survey;
      return { durationMs: 5, nodes: ['fw1', 'fw2', 'fw3'].map((id) => member(id)), ...survey };
    },
  };
  return client as AdminClient;
}

/** What doctor finds. */
export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const files = { configFile: '/config', keepalivedFile: '/keepalived' };
  return diagnose(files, { host: hostOf(patient), clientFor: () => clientOf(patient) });
}
