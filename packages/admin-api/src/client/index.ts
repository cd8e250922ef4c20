export type {
  ActivationView,
  FlowQuery,
  FlowView,
  KernelStatus,
  MemberChange,
  MemberStatus,
  NodeEvent,
  NodeStatus,
  SurveyNodeReport,
  SurveyReport,
  TupleView,
  VerifyReport,
} from '@raftwall/replicator';
export { AdminClient, type ClientFlowQuery, type Readiness } from './admin-client.ts';
export { BadAnswerError, RefusedError, UnreachableError } from './errors.ts';
export type { ClientTarget } from './request.ts';
