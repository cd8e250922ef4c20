import type { KernelSide } from './administered-node.ts';
import type { Replicator } from './replicator.ts';
import type { NodeStatus, VrrpStatus } from './status.ts';

/** The part of a firewall's status that a witness has not: its kernel, its capture, and what VRRP says. */
export function kernelSideOf(replicator: Replicator, mode: VrrpStatus['mode'] | null): KernelSide {
  const { applier } = replicator;
  const { capture, readiness } = replicator.parts;
  return {
    witness: false,
    kernelIndex: applier.kernelIndex,
    ready: readiness.ready,
    notReadyReason: readiness.reason,
    vrrp: mode === null ? null : vrrpStatus(replicator, mode),
    capture: {
      lastProposed: capture.lastProposed,
      lastApplied: capture.lastApplied,
      oldestUncommittedMs: Math.round(capture.oldestUncommittedMs),
    },
    kernel: kernelStatus(replicator),
  };
}

function vrrpStatus(replicator: Replicator, mode: VrrpStatus['mode']): VrrpStatus {
  const { activity, readinessSink } = replicator.dependencies;
  return {
    mode,
    state: activity.state,
    splitVip: replicator.parts.activation.splitVip,
    trackFileValue: readinessSink.value,
  };
}

function kernelStatus({ applier, room, dependencies, parts }: Replicator): NodeStatus['kernel'] {
  const { kernel, counters } = dependencies;
  const { reconciler, digestWatch } = parts;
  return {
    entriesInKernel: kernel.count(),
    entriesMax: Number.isFinite(room.entriesMax) ? room.entriesMax : null,
    queued: applier.queued,
    failuresByErrno: counters.kernelFailures,
    overruns: counters.overruns,
    reconciling: reconciler.running,
    reconcileProgress: reconciler.progress,
    lastReconcile: reconciler.last,
    tableDifference: digestWatch.difference,
  };
}
