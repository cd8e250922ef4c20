import type { Fault } from './fault.ts';

/** keepalived crashes and leaves the addresses where they are; the service manager starts it again. */
export const killedKeepalived: Fault = {
  name: 'killed-keepalived',
  title: 'keepalived is killed (SIGKILL) and started again',
  async inject({ victim }) {
    await victim.keepalived.kill();
    return async () => victim.startKeepalived();
  },
};
