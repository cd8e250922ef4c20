import type { Fault } from './fault.ts';

/** On the active firewall it is what a person wants (rule K16), so it happens to a standby only. */
export const flushedTable: Fault = {
  name: 'flushed-table',
  title: 'its connection-tracking table is flushed by hand (`conntrack -F`)',
  roles: ['standby'],
  async inject({ victim }) {
    await victim.namespace.exec('conntrack', ['-F']);
    return async () => undefined;
  },
};
