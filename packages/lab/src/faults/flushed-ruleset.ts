import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const FLUSHED_MS = 3000;

/** Its kernel tracks and translates nothing until the rules are back (rule K15). On the active firewall packets would pass
 * unfiltered and untranslated, which no replication can help. */
export const flushedRuleset: Fault = {
  name: 'flushed-ruleset',
  title: 'its rules are flushed by hand (`nft flush ruleset`) and loaded again after 3 s',
  roles: ['standby'],
  async inject({ victim }) {
    await victim.namespace.exec('nft', ['flush', 'ruleset']);
    return async () => {
      await sleep(FLUSHED_MS);
      await victim.reloadRuleset();
    };
  },
};
