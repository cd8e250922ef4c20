import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../namespace.ts';
import type { Fault } from './fault.ts';

const DROP_MS = 5000;

/** Rules of iptables' raw table, where the wire ends: nothing behind it sees the packets.
 * @returns takes them out again */
export async function dropPackets(
  namespace: Namespace,
  rules: readonly string[],
): Promise<() => Promise<void>> {
  const change = async (verb: '-I' | '-D'): Promise<void> => {
    for (const rule of rules) {
      await namespace.exec('iptables', ['-w', '-t', 'raw', verb, ...rule.split(' '), '-j', 'DROP']);
    }
  };
  await change('-I');
  return () => change('-D');
}

function droppedPackets(name: string, title: string, rules: readonly string[]): Fault {
  return {
    name,
    title,
    async inject({ victim }) {
      const restore = await dropPackets(victim.namespace, rules);
      return async () => {
        await sleep(DROP_MS);
        await restore();
      };
    },
  };
}

/** It is heard by the other members and hears none of them. */
export const deafMember = droppedPackets(
  'deaf-member',
  'hears no other member for 5 s, and is heard',
  ['PREROUTING -i eth2'],
);

/** It hears the other members and is heard by none. */
export const muteMember = droppedPackets(
  'mute-member',
  'is heard by no other member for 5 s, and hears them',
  ['OUTPUT -o eth2'],
);

/** Two VRRP masters, or one too many, while the member link is whole. */
export const splitVrrp = droppedPackets(
  'split-vrrp',
  'VRRP is split for 5 s, the member link is whole',
  ['PREROUTING -p 112', 'OUTPUT -p 112'],
);
