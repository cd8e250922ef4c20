/** How `raftwall` ends. */
export const EXIT = Object.freeze({
  done: 0,
  /** The daemon refused, or what was asked failed. */
  refused: 1,
  usage: 2,
  unreachable: 3,
  /** `status --wait-ready`: not ready in time. */
  notReady: 4,
} as const);

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
