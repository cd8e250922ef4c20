import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../errors.ts';
import type { Fault } from './fault.ts';

const CUT_MS = 5000;

/** Its certificate is replaced by one that has expired, and its connections break; then it gets a good one. */
export const expiredCertificate: Fault = {
  name: 'expired-certificate',
  title: 'restarts with an expired certificate; it gets a valid one and is started again',
  cluster: { tls: true },
  async inject({ cluster, victim }) {
    const { authority } = cluster;
    if (authority === null) throw new LabError('LAB_COMMAND_FAILED', 'the members have no TLS');
    authority.issue(victim.id, 0);
    await victim.killDaemon();
    victim.startRaftwall();
    return async () => {
      await sleep(CUT_MS);
      const { quorum } = await victim.raftwall.status();
      if (quorum) throw new LabError('LAB_COMMAND_FAILED', 'an expired certificate was believed');
      authority.issue(victim.id);
      await victim.killDaemon();
      victim.startRaftwall();
    };
  },
};
