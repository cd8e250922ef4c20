import type { DaemonConfig } from '@raftwall/daemon/config';
import { error, type Finding, ok, orOk, warning } from './finding.ts';
import { type Host, sysctl } from './host.ts';

/** Flows a bucket beyond which each look-up walks a long list. */
const flowsPerBucketMax = 8;
/** Rule K15: nothing is created on a standby beyond this part of the limit. */
const createShare = 0.9;
/** An event takes about so many bytes; fewer than so many events of room overrun in any burst. */
const eventBytes = 1_280;
const eventsMin = 10_000;

type SysctlCheck = (value: number, config: DaemonConfig | null) => Finding;

const conntrack = 'net.netfilter.nf_conntrack_';

const sysctlChecks: Readonly<Record<string, SysctlCheck>> = {
  [`${conntrack}events`]: (value) =>
    value === 1
      ? ok('kernel.events', 'nf_conntrack_events is 1')
      : (value === 0 ? error : warning)('kernel.events', {
          found: `nf_conntrack_events is ${value}`,
          meaning:
            value === 0
              ? 'flows emit no events at all: they are replicated only as far as the paced comparison finds them, seconds later'
              : 'flows that begin while raftwalld is not running emit no events for all their life (rule K17)',
          remedy: 'sysctl -w net.netfilter.nf_conntrack_events=1, and put it into /etc/sysctl.d',
        }),
  [`${conntrack}acct`]: (value) =>
    ok(
      'kernel.accounting',
      `nf_conntrack_acct is ${value}: counters are not replicated, ${value === 1 ? 'they begin anew after a takeover' : 'and none are kept'}`,
    ),
  [`${conntrack}tcp_loose`]: (value) =>
    value === 0
      ? ok('kernel.tcp-loose', 'nf_conntrack_tcp_loose is 0')
      : warning('kernel.tcp-loose', {
          found: `nf_conntrack_tcp_loose is ${value}`,
          meaning:
            'the kernel picks connections up in the middle: one that it does not know becomes a flow without its translation, and stays wrong when the right one arrives',
          remedy:
            'sysctl -w net.netfilter.nf_conntrack_tcp_loose=0 on all firewalls, and put it into /etc/sysctl.d',
        }),
  [`${conntrack}tcp_be_liberal`]: (value, config) =>
    value === 1 && config?.kernel.tcpWindowTracking === 'strict'
      ? warning('kernel.tcp-be-liberal', {
          found: 'nf_conntrack_tcp_be_liberal is 1, but kernel.tcpWindowTracking is strict',
          meaning: 'the kernel checks the windows of no flow, so that strict has no effect',
          remedy: 'set one of the two otherwise',
        })
      : ok('kernel.tcp-be-liberal', `nf_conntrack_tcp_be_liberal is ${value}`),
  'net.ipv4.ip_forward': (value) =>
    value === 1
      ? ok('kernel.forwarding', 'net.ipv4.ip_forward is 1')
      : warning('kernel.forwarding', {
          found: 'net.ipv4.ip_forward is 0',
          meaning: 'this machine forwards no IPv4 packets, also when it has the virtual addresses',
          remedy: 'sysctl -w net.ipv4.ip_forward=1, and put it into /etc/sysctl.d',
        }),
};

/** The kernel of this machine. */
export async function kernelChecks(host: Host, config: DaemonConfig | null): Promise<Finding[]> {
  const max = await sysctl(host, `${conntrack}max`);
  if (max === null) {
    const trouble = {
      found: 'there is no /proc/sys/net/netfilter/nf_conntrack_max',
      meaning: 'this kernel tracks no connections: there is nothing to replicate',
      remedy: 'modprobe nf_conntrack, and name it in /etc/modules-load.d',
    };
    return [error('kernel.conntrack', trouble)];
  }
  const values = await Promise.all(
    Object.entries(sysctlChecks).map(async ([name, check]) => {
      const value = await sysctl(host, name);
      return value === null ? [] : [check(value, config)];
    }),
  );
  return [
    ...values.flat(),
    ...(await roomChecks(host, max, config)),
    ...(await bufferChecks(host, config)),
    await clockCheck(host),
  ];
}

async function roomChecks(
  host: Host,
  max: number,
  config: DaemonConfig | null,
): Promise<Finding[]> {
  const wanted = config?.kernel.maxEntries ?? null;
  const buckets = (await sysctl(host, `${conntrack}buckets`)) ?? 0;
  const count = (await sysctl(host, `${conntrack}count`)) ?? 0;
  const limit = Math.min(wanted ?? max, max);
  const troubles: Finding[] = [];
  if (wanted !== null && wanted > max) {
    troubles.push(
      warning('kernel.room', {
        found: `kernel.maxEntries is ${wanted}, nf_conntrack_max ${max}`,
        meaning: `the smaller one counts: this firewall takes no more than ${max} flows`,
        remedy: `sysctl -w net.netfilter.nf_conntrack_max=${wanted}, or a smaller kernel.maxEntries`,
      }),
    );
  }
  if (count >= createShare * limit) {
    troubles.push(
      error('kernel.room', {
        found: `${count} entries of at most ${limit}`,
        meaning:
          'a standby creates nothing beyond nine tenths and is not ready; the active firewall refuses new connections at the limit (rule K15)',
        remedy: 'a larger nf_conntrack_max (and kernel.maxEntries) on all firewalls',
      }),
    );
  }
  if (buckets > 0 && limit / buckets > flowsPerBucketMax) {
    troubles.push(
      warning('kernel.buckets', {
        found: `nf_conntrack_buckets is ${buckets} for up to ${limit} entries`,
        meaning: `when it is full, each look-up walks ${Math.round((2 * limit) / buckets)} tuples: packets and comparisons get slow`,
        remedy: `sysctl -w net.netfilter.nf_conntrack_buckets=${2 ** Math.ceil(Math.log2(limit / 4))} on all firewalls`,
      }),
    );
  }
  const found = `${count} entries of at most ${limit}, ${buckets} buckets`;
  return orOk('kernel.room', troubles, found);
}

async function bufferChecks(host: Host, config: DaemonConfig | null): Promise<Finding[]> {
  if (config === null) return [];
  const bytes = config.kernel.eventBufferBytes;
  const allowed = await sysctl(host, 'net.core.rmem_max');
  const beyond =
    allowed !== null && bytes > allowed
      ? `; beyond net.core.rmem_max (${allowed}), which CAP_NET_ADMIN allows`
      : '';
  if (bytes >= eventsMin * eventBytes) {
    return [ok('kernel.event-buffer', `kernel.eventBufferBytes is ${bytes}${beyond}`)];
  }
  const trouble = {
    found: `kernel.eventBufferBytes is ${bytes}, room for about ${Math.floor(bytes / eventBytes)} events`,
    meaning: 'a burst of new flows overruns it, and each overrun costs a comparison of the table',
    remedy: 'leave kernel.eventBufferBytes out (64 MiB)',
  };
  return [warning('kernel.event-buffer', trouble)];
}

/** Nothing depends on the clock but what people read. */
async function clockCheck(host: Host): Promise<Finding> {
  const args = ['show', '--property=NTPSynchronized', '--value'];
  const answer = (await host.output('timedatectl', args))?.trim();
  if (answer !== 'no') {
    const found = answer === 'yes' ? 'is synchronized' : 'cannot be asked whether it is set';
    return ok('kernel.clock', `the clock ${found}`);
  }
  return warning('kernel.clock', {
    found: 'the clock is not synchronized',
    meaning:
      'replication does not depend on it, but logs of the members cannot be laid side by side',
    remedy: 'timedatectl set-ntp true, or chrony',
  });
}
