import { apiFields } from './api-options.ts';
import { captureFields } from './capture-options.ts';
import { clusterFields } from './cluster-options.ts';
import { type Draft, defaulted, mapping, optional, required } from './field.ts';
import { kernelFields } from './kernel-options.ts';
import { logFields, nodeFields, peersFields } from './node-options.ts';
import { vrrpFields } from './vrrp-options.ts';

/** The sections of the file, in the order of the reference. */
export const configFields = {
  cluster: required('What all members must have equal.', mapping(clusterFields)),
  node: required('What concerns this node alone.', mapping(nodeFields)),
  peers: required('Links between the members: `insecure: true` or `tls`.', mapping(peersFields)),
  api: defaulted('The admin API.', mapping(apiFields), {}),
  vrrp: optional(
    'keepalived; without this section the Raft leader is the active node.',
    mapping(vrrpFields),
  ),
  capture: defaulted('Which flows are replicated, and when.', mapping(captureFields), {}),
  kernel: defaulted("This node's kernel.", mapping(kernelFields), {}),
  log: defaulted('The log on stderr.', mapping(logFields), {}),
};

/** What could be read of a file; a key that had a fault is missing. */
export type DraftConfig = Draft<typeof configFields>;

/** What could be read of `vrrp`. */
export type DraftVrrp = Draft<typeof vrrpFields>;
