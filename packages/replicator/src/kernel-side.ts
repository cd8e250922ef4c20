import type { KernelSide } from './administered-node.ts';
import type { Replicator } from './replicator.ts';
import type { LocalGroupStatus, NodeStatus, VrrpStatus } from './status.ts';
import type { TrafficGroup } from './traffic-group.ts';

/** The part of a firewall's status that a witness has not: its kernel, its capture, and what VRRP says. */
export function kernelSideOf(replicator: Replicator, mode: VrrpStatus['mode'] | null): KernelSide {
  const groups = replicator.groups.map((group) => ({
    name: group.name,
    local: localStatus(group, mode),
  }));
  const [first] = groups;
  const unready = groups.find(({ local }) => !local.ready);
  return {
    witness: false,
    kernelIndex: Math.min(...groups.map(({ local }) => local.kernelIndex)),
    ready: unready === undefined,
    notReadyReason: unready === undefined ? null : whyNot(unready, groups.length),
    vrrp: first!.local.vrrp,
    capture: first!.local.capture,
    kernel: kernelStatus(replicator),
    locals: new Map(groups.map(({ name, local }) => [name, local])),
  };
}

function whyNot(
  { name, local }: { readonly name: string; readonly local: LocalGroupStatus },
  groups: number,
): string | null {
  return groups === 1 ? local.notReadyReason : `group ${name}: ${local.notReadyReason}`;
}

function localStatus(
  { activity, readinessSink, parts, applier }: TrafficGroup,
  mode: VrrpStatus['mode'] | null,
): LocalGroupStatus {
  const { capture, readiness, activation } = parts;
  const { state } = activity;
  const { splitVip } = activation;
  return {
    ready: readiness.ready,
    notReadyReason: readiness.reason,
    kernelIndex: applier.kernelIndex,
    vrrp: mode === null ? null : { mode, state, splitVip, trackFileValue: readinessSink.value },
    capture: {
      lastProposed: capture.lastProposed,
      lastApplied: capture.lastApplied,
      oldestUncommittedMs: Math.round(capture.oldestUncommittedMs),
    },
  };
}

function kernelStatus({ groups, first, dependencies, parts }: Replicator): NodeStatus['kernel'] {
  const { kernel, counters } = dependencies;
  const { room } = first;
  const { reconciler } = (groups.find((it) => it.parts.reconciler.running) ?? first).parts;
  return {
    entriesInKernel: kernel.count(),
    entriesMax: Number.isFinite(room.entriesMax) ? room.entriesMax : null,
    queued: groups.reduce((sum, { applier }) => sum + applier.queued, 0),
    failuresByErrno: counters.kernelFailures,
    overruns: counters.overruns,
    reconciling: reconciler.running,
    reconcileProgress: reconciler.progress,
    lastReconcile: reconciler.last,
    tableDifference: parts.digestWatch.difference,
  };
}
