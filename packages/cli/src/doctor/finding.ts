/** How bad it is: an `error` loses flows or stops replication, a `warning` may, `ok` was looked at and is right. */
export type Severity = 'ok' | 'warning' | 'error';

/** One thing that was looked at. */
export interface Finding {
  /** Name of the check, for scripts; `area.what`. */
  readonly check: string;
  readonly severity: Severity;
  /** What was found, one sentence. */
  readonly found: string;
  /** What that means for flows; empty when it is right. */
  readonly meaning: string;
  /** How to mend it; empty when it is right. */
  readonly remedy: string;
}

export function ok(check: string, found: string): Finding {
  return { check, severity: 'ok', found, meaning: '', remedy: '' };
}

/** What is wrong, what it means, how to mend it. */
type Trouble = Pick<Finding, 'found' | 'meaning' | 'remedy'>;

export function warning(check: string, trouble: Trouble): Finding {
  return { check, severity: 'warning', ...trouble };
}

export function error(check: string, trouble: Trouble): Finding {
  return { check, severity: 'error', ...trouble };
}

/** All troubles, or that there are none. */
export function orOk(check: string, troubles: readonly Finding[], found: string): Finding[] {
  return troubles.length === 0 ? [ok(check, found)] : [...troubles];
}
