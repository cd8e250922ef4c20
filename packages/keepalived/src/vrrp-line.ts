/** What a FIFO line is about. */
export type VrrpSubject = 'INSTANCE' | 'GROUP';

/** The states that keepalived 2.2 writes. `MASTER_RX_LOWER_PRI`, `MASTER_PRIORITY` and
 * `BACKUP_PRIORITY` are notices: the state itself is the word before the underscore. */
const STATES = {
  MASTER: 'MASTER',
  MASTER_RX_LOWER_PRI: 'MASTER',
  MASTER_PRIORITY: 'MASTER',
  BACKUP: 'BACKUP',
  BACKUP_PRIORITY: 'BACKUP',
  FAULT: 'FAULT',
  STOP: 'STOP',
  DELETED: 'STOP',
} as const;

/** A VRRP state as a FIFO line tells it; a deleted instance counts as stopped. */
export type VrrpLineState = (typeof STATES)[keyof typeof STATES];

/** One understood line of keepalived's `vrrp_notify_fifo`. */
export interface VrrpLine {
  readonly subject: VrrpSubject;
  readonly name: string;
  readonly state: VrrpLineState;
  /** 0 to 255; groups have 0. */
  readonly priority: number;
}

const LINE = /^(INSTANCE|GROUP) "([^"]{1,256})" ([A-Z_]+) (\d{1,3})$/;

/**
 * Reads `INSTANCE "VI_1" MASTER 100` or `GROUP "G1" MASTER 0`, without the line feed.
 * @returns the line, or null if it is anything else
 */
export function parseVrrpLine(text: string): VrrpLine | null {
  const match = LINE.exec(text);
  if (match === null) return null;
  const [, subject, name, word, priority] = match as unknown as [
    string,
    VrrpSubject,
    string,
    string,
    string,
  ];
  if (!Object.hasOwn(STATES, word) || Number(priority) > 255) return null;
  return { subject, name, state: STATES[word as keyof typeof STATES], priority: Number(priority) };
}
