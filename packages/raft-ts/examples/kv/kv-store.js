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
 * It lives in memory only. That is why `appliedIndex` is 0: at each start the newest snapshot is restored, and the log behind
 * it applied. A store that keeps its values on disk names the index that they contain.
 *
 * @implements {StateMachine<Outcome | null>}
 * @import { Entry, SnapshotContent, SnapshotMeta, StateMachine } from 'raft-ts'
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
   * All values as they are now. The copy is made at once: the content is read while commands are applied.
   *
   * @returns {SnapshotContent}
   */
  snapshot() {
    return encodeValues([...this.#values]);
  }

  /**
   * Replaces all values by those of a snapshot.
   *
   * @param {SnapshotMeta} _meta
   * @param {SnapshotContent} content
   */
  async restore(_meta, content) {
    const chunks = [];
    for await (const chunk of content) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
    this.#values = new Map(lines.map((line) => JSON.parse(line)));
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

/**
 * A line of JSON for each value, a key and what stands there.
 *
 * @param {readonly (readonly [string, string])[]} values
 */
function* encodeValues(values) {
  for (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`);
}
