import { AssertionFailedError } from '../errors.ts';

/** Stays on in production: a broken invariant must stop the member before it can answer. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailedError(what);
}
