import type { NodeStatus } from '@raftwall/admin-api/client';

/** What `-s` takes; `ct` is the default, as in conntrackd. */
export const STATISTICS = ['ct', 'network', 'cache', 'runtime', 'link', 'queue', 'expect'] as const;

export type Statistics = (typeof STATISTICS)[number];

type Lines = readonly (readonly [string, string | number])[];

/** Statistics in conntrackd's manner: a heading, then indented `name:` and value; empty for what is not replicated. */
export function statisticsText(status: NodeStatus, topic: Statistics): string {
  const sections = SECTIONS[topic](status);
  return sections.map(([heading, lines]) => `${heading}:\n${linesText(lines)}\n`).join('');
}

type Sections = readonly (readonly [string, Lines])[];

const SECTIONS: Readonly<Record<Statistics, (status: NodeStatus) => Sections>> = {
  ct: (status) => [
    ['replicated table', tableLines(status)],
    ['kernel', kernelLines(status)],
  ],
  cache: (status) => [['replicated table', tableLines(status)]],
  network: (status) => [
    [
      'log',
      [
        ['term', status.term],
        ['commit index', status.commitIndex],
        ['applied index', status.appliedIndex],
        ['members reachable', status.members.filter((member) => member.reachable).length],
        ['members', status.members.length],
      ],
    ],
  ],
  runtime: (status) => [['kernel', kernelLines(status)]],
  link: (status) =>
    status.members
      .filter((member) => member.id !== status.node)
      .map((member) => [
        `member ${member.id} at ${member.address}`,
        [
          ['status', member.reachable ? 'RUNNING' : 'DOWN'],
          ['role', member.role],
          ['match index', member.matchIndex ?? 'known by the leader'],
        ],
      ]),
  queue: ({ capture, kernel }) => [
    [
      'queues',
      [
        ['batches proposed', capture.lastProposed],
        ['batches applied', capture.lastApplied],
        ['oldest uncommitted (ms)', capture.oldestUncommittedMs],
        ['kernel commands waiting', kernel.queued],
      ],
    ],
  ],
  // Expectations are not replicated yet; conntrackd prints nothing then, too.
  expect: () => [],
};

function tableLines({ flows, active, epoch }: NodeStatus): Lines {
  return [
    ['current active flows', flows],
    ['active node', active ?? 'none'],
    ['epoch', epoch],
  ];
}

function kernelLines({ kernel, kernelIndex }: NodeStatus): Lines {
  const failures = Object.entries(kernel.failuresByErrno);
  return [
    ['entries', kernel.entriesInKernel ?? 'not counted'],
    ['limit', kernel.entriesMax ?? 'none'],
    ['level with index', kernelIndex],
    ['netlink overruns', kernel.overruns],
    ['commands waiting', kernel.queued],
    ...failures.map(([name, count]) => [`failed with ${name}`, count] as const),
  ];
}

function linesText(lines: Lines): string {
  return lines.map(([name, value]) => `\t${`${name}:`.padEnd(28)} ${value}\n`).join('');
}
