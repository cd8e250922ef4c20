import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkName } from '../topology.ts';
import type { Fault } from './fault.ts';

/** Longer than readiness lasts without a quorum. */
const CUT_MS = 5000;

function cutLink(link: LinkName, name: string, title: string): Fault {
  return {
    name,
    title,
    async inject({ cluster: { topology }, victim }) {
      await topology.setLink(victim.index, link, 'down');
      return async () => {
        await sleep(CUT_MS);
        await topology.setLink(victim.index, link, 'up');
      };
    },
  };
}

/** The cable towards A is pulled. */
export const cutLeftLink = cutLink(
  'left',
  'cut-left-link',
  'the cable towards A is pulled for 5 s',
);

/** A minority partition of one, while VRRP is whole. */
export const cutMemberLink = cutLink(
  'members',
  'cut-member-link',
  'the member link is cut for 5 s, VRRP is whole',
);
