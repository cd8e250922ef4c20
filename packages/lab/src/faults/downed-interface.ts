import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const DOWN_MS = 3000;

/** Somebody takes an interface down: the kernel drops its addresses' routes, keepalived goes to FAULT. */
export const downedInterface: Fault = {
  name: 'downed-interface',
  title: 'its interface towards A is taken down for 3 s (`ip link set eth1 down`)',
  async inject({ victim }) {
    await victim.namespace.ip(['link set eth1 down']);
    return async () => {
      await sleep(DOWN_MS);
      await victim.namespace.ip(['link set eth1 up']);
    };
  },
};
