import type { Fault } from './fault.ts';

/** The plug is pulled; later the machine boots, with an empty kernel and the disk that it had. */
export const powerLoss: Fault = {
  name: 'power-loss',
  title: 'loses power, and boots again with an empty kernel',
  async inject({ victim }) {
    await victim.powerLoss();
    return async () => {
      await victim.powerOn();
      victim.startRaftwall();
      victim.startKeepalived();
    };
  },
};
