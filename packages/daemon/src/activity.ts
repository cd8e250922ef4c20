import type { VrrpFollower } from '@raftwall/keepalived';
import type { Activity, Consensus, ReadinessSink, VrrpState } from '@raftwall/replicator';

/** VRRP decides who carries the traffic (rule A5). */
export class VrrpActivity implements Activity {
  readonly #follower: VrrpFollower;

  constructor(follower: VrrpFollower) {
    this.#follower = follower;
  }

  get state(): VrrpState {
    return this.#follower.state;
  }

  get mastering(): boolean {
    return this.#follower.mastering;
  }

  onChange(listener: () => void): void {
    this.#follower.on('change', listener);
  }
}

/** Without VRRP the Raft leader carries the traffic. */
export class LeaderActivity implements Activity {
  #consensus: Consensus | null = null;
  #listeners: (() => void)[] = [];

  get state(): VrrpState {
    return this.#consensus?.status().role === 'leader' ? 'MASTER' : 'BACKUP';
  }

  get mastering(): boolean {
    return this.state === 'MASTER';
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** From now on the leader's role decides. */
  follow(consensus: Consensus): void {
    this.#consensus = consensus;
    consensus.onChange(() => {
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Readiness that nobody is told of, where no VRRP listens. */
export class PrivateReadiness implements ReadinessSink {
  value: 0 | 1 | 2 = 0;

  set(value: 0 | 1 | 2): void {
    this.value = value;
  }

  renew(): void {}
}
