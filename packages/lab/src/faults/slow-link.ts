import { setTimeout as sleep } from 'node:timers/promises';
import { dropPackets } from './dropped-packets.ts';
import type { Fault } from './fault.ts';

const SLOW_MS = 5000;

/** The member link is thin, has a long queue, and loses packets. */
export const slowLink: Fault = {
  name: 'slow-link',
  title: 'its member link has 2 Mbit/s and loses 5 % of the packets, for 5 s',
  async inject({ victim: { namespace } }) {
    const shape = 'root tbf rate 2mbit burst 16kb latency 200ms';
    await namespace.exec('tc', ['qdisc', 'add', 'dev', 'eth2', ...shape.split(' ')]);
    const restore = await dropPackets(namespace, [
      'PREROUTING -i eth2 -m statistic --mode random --probability 0.05',
    ]);
    return async () => {
      await sleep(SLOW_MS);
      await restore();
      await namespace.exec('tc', ['qdisc', 'del', 'dev', 'eth2', 'root']);
    };
  },
};
