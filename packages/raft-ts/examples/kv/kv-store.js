import { EntryType } from 'raft-ts';

/**
 * What a log entry says.
 *
 * @typedef {{ type: 'put', key: string, value: string }} Put
 * @typedef {{ type: 'cas', key: string, expect: string | null, value: string }} CompareAndSet `null` expects no value.
 * @typedef {Put | CompareAndSet} Command
 */

/**
 * What a command did: whether it wrote, and what it found in its place.
 *
 * @typedef {{ written: boolean, found: string | null }} Outcome
 */

/** @param {Command} command */
export function encodeCommand(command) {
  return Buffer.from(JSON.stringify(command));
}

/**
 * @param {Uint8Array} data
 * @returns {Command}
 */
function decodeCommand(data) {
  return JSON.parse(Buffer.from(data).toString());
}

/**
 * The replicated state: every member applies the same commands in the same order, so all hold the same values.
 *
 * It lives in memory only. That is why `appliedIndex` is 0: at each start the whole log is applied anew, and the log is
 * never compacted. A store that keeps its values on disk names the index that they contain, and may call `compact`.
 *
 * @implements {StateMachine<Outcome | null>}
 * @import { Entry, StateMachine } from 'raft-ts'
 */
export class KvStore {
  appliedIndex = 0;
  appliedConfig = null;
  /** @type {Map<string, string>} */
  #values = new Map();

  /** @param {string} key */
  get(key) {
    return this.#values.get(key) ?? null;
  }

  /**
   * Deterministic: nothing counts but the entries and the values. No clock, no randomness, no I/O.
   *
   * @param {readonly Entry[]} entries
   */
  apply(entries) {
    return entries.map(({ type, data }) =>
      type === EntryType.normal ? this.#execute(decodeCommand(data)) : null,
    );
  }

  /**
   * @param {Command} command
   * @returns {Outcome}
   */
  #execute(command) {
    const found = this.get(command.key);
    const written = command.type === 'put' || command.expect === found;
    if (written) this.#values.set(command.key, command.value);
    return { written, found };
  }
}
