/** Names of the timing profiles (rule V7). */
export type TimingName = 'default' | 'fast' | 'slow';

/** Raft timers in milliseconds. An election timeout is drawn anew from `[min, max]` each time. */
export interface TimingProfile {
  readonly name: TimingName;
  readonly heartbeatMs: number;
  readonly electionTimeoutMsMin: number;
  readonly electionTimeoutMsMax: number;
}

/** An IP address with a port; `text` is the form for people, `10.0.0.1:7650` or `[fd00::1]:7650`. */
export interface Endpoint {
  readonly text: string;
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
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
