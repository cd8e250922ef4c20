export type * from './admin-port.ts';
export type * from './status.ts';
