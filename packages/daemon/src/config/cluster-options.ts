import { defaulted, list, mapping, required } from './field.ts';
import { type Endpoint, endpoint, ipAddress } from './net-fields.ts';
import { identifier, oneOf } from './scalar-fields.ts';

/** Names of the timing profiles (rule V7). */
export type TimingName = 'default' | 'fast' | 'slow';

/** Raft timers in milliseconds. An election timeout is drawn anew from `[min, max]` each time. */
export interface TimingProfile {
  readonly name: TimingName;
  readonly heartbeatMs: number;
  readonly electionTimeoutMsMin: number;
  readonly electionTimeoutMsMax: number;
}

/** One of the first voters. */
export interface MemberOption {
  readonly id: string;
  readonly address: Endpoint;
}

/** What all members must have equal (`members` only at the cluster's birth: later changes go through the API). */
export interface ClusterOptions {
  readonly name: string;
  readonly members: readonly MemberOption[];
  readonly timing: TimingProfile;
  /** Addresses that move with VRRP: nobody's own (rule K1). Canonical text, empty without `vrrp`. */
  readonly virtualAddresses: readonly string[];
}

/** The profiles of rule V7: heartbeat, smallest and largest election timeout in milliseconds. */
export const TIMING_PROFILES: Readonly<Record<TimingName, TimingProfile>> = Object.freeze({
  default: Object.freeze({
    name: 'default',
    heartbeatMs: 75,
    electionTimeoutMsMin: 300,
    electionTimeoutMsMax: 600,
  }),
  fast: Object.freeze({
    name: 'fast',
    heartbeatMs: 50,
    electionTimeoutMsMin: 150,
    electionTimeoutMsMax: 300,
  }),
  slow: Object.freeze({
    name: 'slow',
    heartbeatMs: 250,
    electionTimeoutMsMin: 1000,
    electionTimeoutMsMax: 2000,
  }),
});

const timingName = oneOf(['default', 'fast', 'slow']);

/** Keys of `cluster.members[]`. */
const memberFields = {
  id: required('Name of the member, for ever.', identifier),
  address: required('Where the other members reach it.', endpoint),
};

/** Keys of `cluster`. */
export const clusterFields = {
  name: required(
    'Name of the cluster; part of the handshake, so that clusters cannot mix.',
    identifier,
  ),
  members: required(
    'The first voters. Later changes go through the API. A joining node names at least one living member.',
    list(mapping(memberFields), { min: 1, max: 64 }),
  ),
  timing: defaulted(
    'Raft timers: `default` beats every 75 ms and elects after 300 to 600 ms, `fast` 50 and 150 to 300, `slow` 250 and 1000 to 2000.',
    timingName,
    'default',
  ),
  virtualAddresses: defaulted(
    "Addresses that move with VRRP; they are nobody's own. Needed with `vrrp`.",
    list(ipAddress, { min: 0, max: 1024 }),
    [],
  ),
};
