import { TrackFile, VrrpFifo, VrrpFollower } from '@raftwall/keepalived';
import type { Activity, Consensus, ReadinessSink } from '@raftwall/replicator';
import { LeaderActivity, PrivateReadiness, VrrpActivity } from './activity.ts';
import type { LocalAddresses } from './addresses.ts';
import type { DaemonConfig } from './config/options.ts';
import type { Logger } from './logger.ts';

/** Who says which node carries the traffic, and who is told whether this one may. */
export interface JoinedVrrp {
  readonly activity: Activity;
  readonly readiness: ReadinessSink;
  /** Where there is no VRRP, the leader's role takes its place. */
  follow(consensus: Consensus): void;
  stop(): Promise<void>;
}

export async function joinVrrp(
  config: DaemonConfig,
  addresses: LocalAddresses,
  logger: Logger,
): Promise<JoinedVrrp> {
  const { vrrp, cluster } = config;
  if (vrrp === null) return withoutVrrp();
  const [group] = vrrp.groups;
  if (group === undefined) throw new Error('vrrp.groups is empty');
  const { kind, name } = group.instance;
  const fifo = new VrrpFifo({ path: vrrp.fifo });
  fifo.on('badLine', (line) =>
    logger.warn({ line }, 'keepalived wrote a line that is not understood'),
  );
  fifo.on('error', (error) => logger.error({ err: error }, 'the notify FIFO is gone'));
  const follower = new VrrpFollower(
    {
      instance: kind === 'GROUP' ? { group: name } : { instance: name },
      virtualAddresses: cluster.virtualAddresses,
    },
    { lines: fifo, addresses },
  );
  const trackFile = new TrackFile({ path: group.trackFile });
  await fifo.start();
  follower.start();
  return {
    activity: new VrrpActivity(follower),
    readiness: new TrackFileReadiness(trackFile),
    follow: () => undefined,
    stop: async () => {
      follower.stop();
      await fifo.stop();
      try {
        trackFile.close();
      } catch (err) {
        logger.error({ err }, 'the track file keeps its value');
      }
    },
  };
}

function withoutVrrp(): JoinedVrrp {
  const activity = new LeaderActivity();
  return {
    activity,
    readiness: new PrivateReadiness(),
    follow: (consensus) => activity.follow(consensus),
    stop: () => Promise.resolve(),
  };
}

class TrackFileReadiness implements ReadinessSink {
  readonly #file: TrackFile;

  constructor(file: TrackFile) {
    this.#file = file;
  }

  get value(): number {
    return this.#file.value();
  }

  set(value: 0 | 1 | 2): void {
    this.#file.set(value);
  }
}
