/**
 * What the applier may do to the kernel.
 * - `blocked`: nothing; no living active node was heard since the start (rule K9).
 * - `standby`: the kernel follows the table.
 * - `addOnly`: this node may be carrying traffic: missing flows are created, nothing is changed or deleted (K8, K10).
 * - `active`: the kernel is the truth; what somebody deleted is restored if that is wanted (rule K16).
 */
export type ApplierMode = 'blocked' | 'standby' | 'addOnly' | 'active';
