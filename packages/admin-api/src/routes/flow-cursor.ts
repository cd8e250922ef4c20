import { randomBytes } from 'node:crypto';
import { ProblemError } from '../problem.ts';

/** Where a listing begins. */
export const FIRST = 'start';

// Rows have other places after a restart: a cursor of an earlier run must not be taken for one of this.
const run = randomBytes(6).toString('base64url');

/** A place in the table as requesters hand it back; opaque to them. */
export function cursorText(row: number): string {
  return `${run}.${row}`;
}

/** @throws {ProblemError} If the text is no cursor of this run of the daemon. */
export function parseCursor(text: string): number {
  if (text === FIRST) return 0;
  const [of, row = ''] = text.split('.');
  if (of === run && /^\d{1,10}$/.test(row)) return Number(row);
  throw new ProblemError(
    'bad-request',
    `querystring/cursor is none of this run of the daemon; begin anew with cursor=${FIRST}`,
  );
}
