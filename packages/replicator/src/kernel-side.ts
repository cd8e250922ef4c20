import type { KernelSide } from './administered-node.ts';
import type { Replicator } from './replicator.ts';
import type { NodeStatus, VrrpStatus } from './status.ts';
import type { TrafficGroup } from './traffic-group.ts';

/** The part of a firewall's status that a witness has not: its kernel, its capture, and what VRRP says. */
export function kernelSideOf(replicator: Replicator, mode: VrrpStatus['mode'] | null): KernelSide {
  const { groups, first } = replicator;
  const { capture } = first.parts;
  const unready = groups.find(({ parts }) => !parts.readiness.ready);
  return {
    witness: false,
    kernelIndex: Math.min(...groups.map(({ applier }) => applier.kernelIndex)),
    ready: unready === undefined,
    notReadyReason: unready?.parts.readiness.reason ?? null,
    vrrp: mode === null ? null : vrrpStatus(first, mode),
    capture: {
      lastProposed: capture.lastProposed,
      lastApplied: capture.lastApplied,
      oldestUncommittedMs: Math.round(capture.oldestUncommittedMs),
    },
    kernel: kernelStatus(replicator),
  };
}

function vrrpStatus(group: TrafficGroup, mode: VrrpStatus['mode']): VrrpStatus {
  const { activity, readinessSink, parts } = group;
  return {
    mode,
    state: activity.state,
    splitVip: parts.activation.splitVip,
    trackFileValue: readinessSink.value,
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
