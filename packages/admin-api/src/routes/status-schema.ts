import type { MemberStatus, NodeStatus } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';
import { schemaOf } from './schema-check.ts';

const RoleSchema = Type.Union(
  ['leader', 'follower', 'candidate', 'learner'].map((role) => Type.Literal(role as Role)),
);
type Role = NodeStatus['role'];

const Nullable = <T extends ReturnType<typeof Type.String | typeof Type.Number>>(type: T) =>
  Type.Union([type, Type.Null()]);

const VrrpSchema = Type.Object({
  mode: Type.Union([Type.Literal('follow'), Type.Literal('lead'), Type.Literal('strict')]),
  state: Type.Union([
    Type.Literal('MASTER'),
    Type.Literal('BACKUP'),
    Type.Literal('FAULT'),
    Type.Literal('STOP'),
    Type.Literal('UNKNOWN'),
  ]),
  splitVip: Type.Boolean({ description: 'Another MASTER holds the epoch (rule A3).' }),
  trackFileValue: Type.Number(),
});

const CaptureSchema = Type.Object({
  lastProposed: Type.Number({ description: 'Newest batch proposed in the current epoch.' }),
  lastApplied: Type.Number({ description: 'Newest own batch applied.' }),
  oldestUncommittedMs: Type.Number({ description: 'Age of the oldest uncommitted operation.' }),
});

const LocalGroupSchema = Type.Object({
  ready: Type.Boolean({ description: 'This node may take the group over.' }),
  notReadyReason: Nullable(Type.String()),
  kernelIndex: Type.Number({
    description: "Log index up to which the kernel has the group's flows.",
  }),
  vrrp: Type.Union([VrrpSchema, Type.Null()]),
  capture: CaptureSchema,
});

const GroupSchema = Type.Object({
  name: Type.String(),
  active: Nullable(Type.String()),
  epoch: Type.Number(),
  released: Type.Boolean(),
  nextSequence: Type.Number(),
  local: Type.Union([LocalGroupSchema, Type.Null()], {
    description: "This node's part in it; null on a witness.",
  }),
});

export const MemberSchema = schemaOf<MemberStatus>()(
  Type.Object(
    {
      id: Type.String(),
      address: Type.String(),
      role: RoleSchema,
      matchIndex: Nullable(Type.Number({ description: 'Known on the leader.' })),
      reachable: Type.Boolean(),
      level: Type.Boolean({ description: 'The member committed that its kernel is level.' }),
      ready: Type.Boolean({
        description: 'It said last that it may take the virtual address over.',
      }),
      witness: Type.Boolean({ description: 'The member has no kernel (rule V10).' }),
    },
    { $id: 'Member' },
  ),
);

const KernelSchema = Type.Object({
  tableDifference: Type.Union(
    [Type.Object({ node: Type.String(), index: Type.Number() }), Type.Null()],
    { description: 'Member whose table this one was last found to differ from (rule T6).' },
  ),
  entriesInKernel: Nullable(Type.Number()),
  entriesMax: Nullable(
    Type.Number({ description: 'Entries that the kernel may hold (rule K15).' }),
  ),
  queued: Type.Number({ description: 'Commands that wait for the kernel.' }),
  failuresByErrno: Type.Record(Type.String(), Type.Number()),
  overruns: Type.Number({ description: 'Netlink overruns.' }),
  reconciling: Type.Boolean(),
  reconcileProgress: Type.Union([
    Type.Object({
      reason: Type.String(),
      entries: Type.Number({ description: 'Entries of the kernel compared so far.' }),
      entriesExpected: Type.Number(),
      rows: Type.Number({ description: 'Rows of the table compared so far.' }),
      rowsExpected: Type.Number(),
    }),
    Type.Null(),
  ]),
  lastReconcile: Type.Union([
    Type.Object({
      reason: Type.String(),
      created: Type.Number(),
      updated: Type.Number(),
      deleted: Type.Number(),
      durationMs: Type.Number(),
    }),
    Type.Null(),
  ]),
});

const VerifyingSchema = Type.Object(
  {
    phase: Type.Union([Type.Literal('kernels'), Type.Literal('tables')]),
    answered: Type.Number(),
    asked: Type.Number(),
  },
  { description: 'How far the verification that this node was asked for has come.' },
);

export const StatusSchema = schemaOf<NodeStatus>()(
  Type.Object(
    {
      cluster: Type.String(),
      node: Type.String(),
      version: Type.String(),
      role: RoleSchema,
      leader: Nullable(Type.String()),
      term: Type.Number(),
      commitIndex: Type.Number(),
      appliedIndex: Type.Number(),
      kernelIndex: Type.Number({ description: 'Log index up to which the kernel is level.' }),
      flows: Type.Number({ description: 'Flows in the replicated table.' }),
      active: Nullable(Type.String({ description: 'Active node of the first traffic group.' })),
      epoch: Type.Number(),
      witness: Type.Boolean({
        description: 'Votes and keeps the log, and has no kernel (rule V10).',
      }),
      ready: Type.Boolean(),
      notReadyReason: Nullable(Type.String()),
      quorum: Type.Boolean(),
      vrrp: Type.Union([VrrpSchema, Type.Null()]),
      capture: CaptureSchema,
      groups: Type.Array(GroupSchema),
      members: Type.Array(MemberSchema),
      verifying: Type.Union([VerifyingSchema, Type.Null()]),
      kernel: KernelSchema,
    },
    { $id: 'Status', description: 'What one node knows of itself and its cluster.' },
  ),
);
