import { plan } from '../address-plan.ts';
import type { Fault } from './fault.ts';

/** Somebody removes a virtual address by hand; keepalived notices and does its part. */
export const removedAddress: Fault = {
  name: 'removed-address',
  title: 'a virtual address is removed by hand',
  roles: ['active'],
  async inject({ victim }) {
    await victim.namespace.ip([`address del ${plan.virtualLeft}/24 dev eth1`]);
    return async () => undefined;
  },
};
