import { TrackFile, VrrpFifo, VrrpFollower, type VrrpName } from '@raftwall/keepalived';
import type { Consensus, GroupPorts, ReadinessSink } from '@raftwall/replicator';
import { LeaderActivity, PrivateReadiness, VrrpActivity } from './activity.ts';
import type { LocalAddresses } from './addresses.ts';
import type { DaemonConfig, TrafficGroupOptions } from './config/options.ts';
import type { Logger } from './logger.ts';

/** Who says, for each traffic group, which node carries the traffic, and who is told whether this one may. */
export interface JoinedVrrp {
  /** @throws {TypeError} If the configuration has no group of that name. */
  portsOf(group: string): GroupPorts;
  /** Where there is no VRRP, the leader's role takes its place. */
  follow(consensus: Consensus): void;
  stop(): Promise<void>;
}

interface JoinedGroup {
  readonly ports: GroupPorts;
  stop(): void;
}

export async function joinVrrp(
  config: DaemonConfig,
  addresses: LocalAddresses,
  logger: Logger,
): Promise<JoinedVrrp> {
  const { vrrp } = config;
  if (vrrp === null) return withoutVrrp();
  const fifo = new VrrpFifo({ path: vrrp.fifo });
  fifo.setMaxListeners(vrrp.groups.length + 2);
  fifo.on('badLine', (line) =>
    logger.warn({ line }, 'keepalived wrote a line that is not understood'),
  );
  fifo.on('error', (error) => logger.error({ err: error }, 'the notify FIFO is gone'));
  await fifo.start();
  const groups = new Map(
    vrrp.groups.map((group) => [
      group.name,
      joinGroup(group, vrrp.groups.length === 1, { fifo, addresses, logger }),
    ]),
  );
  return {
    portsOf: (name) => {
      const group = groups.get(name);
      if (group === undefined) throw new TypeError(`no traffic group ${name}`);
      return group.ports;
    },
    follow: () => undefined,
    stop: async () => {
      for (const group of groups.values()) group.stop();
      await fifo.stop();
    },
  };
}

function joinGroup(
  group: TrafficGroupOptions,
  isOnly: boolean,
  host: { readonly fifo: VrrpFifo; readonly addresses: LocalAddresses; readonly logger: Logger },
): JoinedGroup {
  const { virtualAddresses } = group;
  const { fifo: lines, addresses, logger } = host;
  const instance = vrrpName(group, isOnly);
  const follower = new VrrpFollower({ instance, virtualAddresses }, { lines, addresses });
  const trackFile = new TrackFile({ path: group.trackFile });
  follower.start();
  return {
    ports: {
      activity: new VrrpActivity(follower),
      readinessSink: new TrackFileReadiness(trackFile),
    },
    stop: () => {
      follower.stop();
      try {
        trackFile.close();
      } catch (err) {
        logger.error({ err, group: group.name }, 'the track file keeps its value');
      }
    },
  };
}

/** The FIFO's lines of instances do not say of which group they are: with several groups they say nothing. */
function vrrpName({ instance: { kind, name } }: TrafficGroupOptions, isOnly: boolean): VrrpName {
  if (kind === 'INSTANCE') return { instance: name };
  return isOnly ? { group: name } : { group: name, instances: [] };
}

function withoutVrrp(): JoinedVrrp {
  const activity = new LeaderActivity();
  const ports = { activity, readinessSink: new PrivateReadiness() };
  return {
    portsOf: () => ports,
    follow: (consensus) => activity.follow(consensus),
    stop: () => Promise.resolve(),
  };
}

class TrackFileReadiness implements ReadinessSink {
  readonly #file: TrackFile;

  constructor(file: TrackFile) {
    this.#file = file;
  }

  get value(): 0 | 1 | 2 {
    return this.#file.value();
  }

  set(value: 0 | 1 | 2): void {
    this.#file.set(value);
  }

  renew(): void {
    this.#file.renew();
  }
}
