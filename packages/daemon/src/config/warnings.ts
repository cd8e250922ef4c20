import type { TimingProfile } from './cluster-options.ts';
import type { DaemonConfig } from './options.ts';

/** keepalived's own default of `advert_int`. */
const ADVERT_INTERVAL_MS_DEFAULT = 1000;

/** What is allowed and yet likely to disappoint; one sentence each. */
export function warningsOf(config: DaemonConfig): string[] {
  return [
    ...voterWarnings(config),
    ...witnessWarnings(config),
    ...groupWarnings(config),
    ...timerWarnings(config),
    ...fileWarnings(config),
  ];
}

function voterWarnings({ cluster, node, peers }: DaemonConfig): string[] {
  const warnings: string[] = [];
  if (cluster.members.length === 2 && !node.join) {
    warnings.push(
      'cluster.members has two voters: when either is lost nothing is replicated; add a third member, which may be a witness (rule V10)',
    );
  }
  if (peers.insecure && cluster.members.length > 1) {
    warnings.push(
      'peers.insecure is true: anybody who reaches the peer port can read and write the flow table; use tls outside of a closed link',
    );
  }
  return warnings;
}

function witnessWarnings({ cluster, node, vrrp }: DaemonConfig): string[] {
  if (!node.witness) return [];
  const warnings: string[] = [];
  if (cluster.members.length === 1 && !node.join) {
    warnings.push('node.witness is true on the only member: nobody carries traffic (rule V10)');
  }
  if (vrrp !== null) {
    warnings.push('vrrp is not followed here: a witness carries no traffic (rule V10)');
  }
  return warnings;
}

function groupWarnings({ cluster, vrrp }: DaemonConfig): string[] {
  const groups = vrrp?.groups ?? [];
  if (groups.length < 2) return [];
  return cluster.virtualAddresses
    .filter((address) => !groups.some((group) => group.virtualAddresses.includes(address)))
    .map(
      (address) =>
        `${address} moves with no group of vrrp.groups: when it goes, every group believes that its flows may have gone with it (rule K6); name it in the virtualAddresses of its group`,
    );
}

/**
 * Rule V7: the largest election timeout plus 100 ms must be below the master-down interval, three adverts.
 * @returns A sentence that says what does not fit, or null.
 */
export function timingMisfit(timing: TimingProfile, advertIntervalMs: number): string | null {
  const neededMs = timing.electionTimeoutMsMax + 100;
  const masterDownMs = 3 * advertIntervalMs;
  if (neededMs < masterDownMs) return null;
  return `cluster.timing ${timing.name} elects within ${timing.electionTimeoutMsMax} ms, which plus 100 ms is not below keepalived's master-down interval of ${masterDownMs} ms: use a faster timing or an advert_int above ${(neededMs / 3000).toFixed(2)} s (rule V7)`;
}

function timerWarnings({ cluster, vrrp, capture }: DaemonConfig): string[] {
  if (vrrp === null) return [];
  const warnings: string[] = [];
  const misfit = timingMisfit(cluster.timing, vrrp.advertIntervalMs ?? ADVERT_INTERVAL_MS_DEFAULT);
  if (misfit !== null) warnings.push(misfit);
  const heldMs = capture.destroyHoldMs;
  const adverts = 3 * (vrrp.advertIntervalMs ?? 0);
  if (heldMs < adverts) {
    warnings.push(
      `capture.destroyHoldMs is ${heldMs}, less than three adverts of keepalived (${adverts} ms): deletes that a lost address causes may be replicated (rule K6)`,
    );
  }
  return warnings;
}

function fileWarnings({ vrrp }: DaemonConfig): string[] {
  const files = vrrp === null ? [] : [vrrp.fifo, ...vrrp.groups.map((group) => group.trackFile)];
  return files
    .filter((file) => /^\/(run|tmp|var\/run|dev\/shm)\//.test(file))
    .map(
      (file) =>
        `${file} is in a directory that may be removed and made anew, to which keepalived then is deaf; use one that outlives the daemon`,
    );
}
