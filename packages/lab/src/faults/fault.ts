import type { Cluster, ClusterOptions } from '../cluster.ts';
import type { Firewall } from '../firewall.ts';

/** Where a fault happens. */
export interface Scene {
  readonly cluster: Cluster;
  /** The firewall that it happens to. */
  readonly victim: Firewall;
}

/** Ends a fault: time, a person or a service manager does what they do. The cluster recovers by itself afterwards. */
export type Mend = () => Promise<void>;

/** What a firewall is for the traffic when the fault comes. */
export type VictimRole = 'active' | 'standby';

/** A way in which a firewall breaks. */
export interface Fault {
  /** In kebab-case; it selects the fault on the command line. */
  readonly name: string;
  /** What happens to the victim, for people. */
  readonly title: string;
  /** What the cluster has to be made of for it. Default: nothing special. */
  readonly cluster?: ClusterOptions;
  /** Whom it can happen to. Default: both. */
  readonly roles?: readonly VictimRole[];
  /** Something to do to the machines before the daemons start. */
  prepare?(cluster: Cluster): Promise<void>;
  /** Lets it happen; it has happened when this resolves. */
  inject(scene: Scene): Promise<Mend>;
}
