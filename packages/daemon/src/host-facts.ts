import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import type { HostFacts } from '@raftwall/replicator';
import type { DaemonConfig } from './config/options.ts';
import { type RulesetTexts, rulesetDigests } from './ruleset-digest.ts';

type Facts = Readonly<Record<string, string>>;

const conntrackDirectory = '/proc/sys/net/netfilter';

/** Settings outside of connection tracking that a firewall's flows depend on. */
const otherSysctls = [
  'net.ipv4.ip_forward',
  'net.ipv6.conf.all.forwarding',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.all.arp_ignore',
  'net.ipv4.conf.all.arp_announce',
];

const toolTimeoutMs = 10_000;
const toolOutputBytesMax = 64 * 1024 * 1024;
/** A service's PATH may lack where the tools are. */
const toolPath = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/**
 * How this firewall is set up, as far as all members should be alike (rule K15). It needs no more than CAP_NET_ADMIN; what cannot be
 * read is left out, and the others have it.
 *
 * @param addresses This node's own, virtual ones perhaps among them.
 */
export async function readFirewallFacts(
  config: DaemonConfig,
  addresses: readonly string[],
): Promise<HostFacts> {
  const virtual = new Set(config.cluster.virtualAddresses);
  const own = addresses.filter((address) => !virtual.has(address));
  const [sysctls, helpers, texts] = await Promise.all([
    readSysctls(),
    readHelpers(),
    readRulesets(),
  ]);
  return {
    wallClockMs: Date.now(),
    facts: { ...configFacts(config), ...sysctls, ...helpers, ...rulesetDigests(texts, own) },
  };
}

/** A witness has no kernel to speak of (rule V10). */
export async function readWitnessFacts({ cluster }: DaemonConfig): Promise<HostFacts> {
  const facts = asFacts({ 'cluster.timing': cluster.timing.name });
  return { wallClockMs: Date.now(), facts };
}

/** What every member has to have equal in its configuration. */
function configFacts({ cluster, capture, kernel, vrrp }: DaemonConfig): Facts {
  const { filter } = capture;
  return asFacts({
    'cluster.timing': cluster.timing.name,
    'cluster.virtualAddresses': [...cluster.virtualAddresses].sort(),
    'capture.admit': capture.admit,
    'capture.foreignDeletes': capture.foreignDeletes,
    'capture.destroyHoldMs': capture.destroyHoldMs,
    ...Object.fromEntries(
      Object.entries(filter).map(([name, values]) => [`capture.filter.${name}`, values]),
    ),
    'kernel.maxEntries': kernel.maxEntries,
    'kernel.tcpWindowTracking': kernel.tcpWindowTracking,
    'vrrp.mode': vrrp?.mode ?? null,
    'vrrp.groups': vrrp?.groups.map(({ name, select }) => ({ name, select })) ?? null,
  });
}

function asFacts(values: Readonly<Record<string, unknown>>): Facts {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`config ${key}`, JSON.stringify(value)]),
  );
}

async function readSysctls(): Promise<Facts> {
  const names = await readdir(conntrackDirectory).catch(() => []);
  const conntrack = names
    .filter((name) => name.startsWith('nf_conntrack_') && name !== 'nf_conntrack_count')
    .map((name) => `net.netfilter.${name}`);
  const values = await Promise.all([...conntrack, ...otherSysctls].map(readSysctl));
  return Object.fromEntries(values.flat());
}

async function readSysctl(name: string): Promise<(readonly [string, string])[]> {
  try {
    const text = await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1');
    return [[`sysctl ${name}`, text.trim()]];
  } catch {
    return [];
  }
}

/** Helpers that are modules: those built into the kernel are not to be seen, but then they are on every machine with it. */
async function readHelpers(): Promise<Facts> {
  const modules = await readFile('/proc/modules', 'latin1').catch(() => '');
  const found = modules.match(
    /^nf_conntrack_(?:amanda|ftp|h323|irc|netbios_ns|pptp|sane|sip|snmp|tftp)\b/gm,
  );
  return { helpers: (found ?? []).sort().join(' ') };
}

async function readRulesets(): Promise<RulesetTexts> {
  const tools = ['iptables', 'ip6tables', ...(await legacyTools())];
  const [nft, ...saved] = await Promise.all([
    outputOf('nft', ['--stateless', 'list', 'ruleset']),
    ...tools.map((tool) => outputOf(`${tool}-save`, [])),
  ]);
  return { nft, saved: Object.fromEntries(tools.map((tool, i) => [tool, saved[i] ?? ''])) };
}

/** Legacy iptables keeps its rules apart, and makes empty tables by being asked: the kernel says whether it has any. */
async function legacyTools(): Promise<readonly string[]> {
  const names = await Promise.all(
    ['ip', 'ip6'].map((family) =>
      readFile(`/proc/net/${family}_tables_names`, 'latin1').catch(() => ''),
    ),
  );
  return ['iptables-legacy', 'ip6tables-legacy'].filter((_, i) => names[i]?.trim());
}

/** @returns The empty string if there is no such tool, or it fails. */
function outputOf(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = {
      timeout: toolTimeoutMs,
      maxBuffer: toolOutputBytesMax,
      env: { ...process.env, PATH: toolPath, LC_ALL: 'C' },
    };
    execFile(file, args, options, (error, stdout) => resolve(error === null ? stdout : ''));
  });
}
