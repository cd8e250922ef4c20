import type { NodeId } from '../core/types.ts';
import type { Refusal } from './handshake.ts';
import { readPeersFile, writePeersFile } from './peers-file.ts';

/**
 * Remembers which data directory stands behind each member's id, from the first contact on. A member that returns with
 * another one was wiped or replaced: it may have forgotten votes and entries that others count on, so it is refused until it
 * was removed from the configuration and added again, or an administrator has it forgotten here. Who is no member promised
 * nothing, and nothing of it is remembered.
 */
export class PeerRegistry {
  readonly #file: string | null;
  readonly #incarnations = new Map<NodeId, string>();
  #members: ReadonlySet<NodeId> = new Set();
  #writing: Promise<void> = Promise.resolve();

  /** @param file JSON, or null to remember in memory only. */
  constructor(file: string | null) {
    this.#file = file;
  }

  /** @throws {PeersFileError} If the file is there but cannot be read or understood. */
  async load(): Promise<void> {
    if (this.#file === null) return;
    for (const [id, incarnation] of await readPeersFile(this.#file)) {
      this.#incarnations.set(id, incarnation);
    }
  }

  /** The members of the present configuration; all others are forgotten, durably when this resolves. */
  async setMembers(members: Iterable<NodeId>): Promise<void> {
    this.#members = new Set(members);
    const former = [...this.#incarnations.keys()].filter((peer) => !this.#members.has(peer));
    for (const peer of former) this.#incarnations.delete(peer);
    if (former.length > 0) await this.#save();
  }

  /** Null when the peer is no member or the known one; a first contact is durable before this resolves. */
  async check(peer: NodeId, incarnation: string): Promise<Refusal | null> {
    if (!this.#members.has(peer)) return null;
    const known = this.#incarnations.get(peer);
    if (known !== undefined && known !== incarnation) {
      return {
        reason: 'incarnation',
        detail: `the data directory of ${peer} is ${incarnation}, it was ${known}: remove and add the member again, or forget it`,
      };
    }
    if (known === undefined) {
      this.#incarnations.set(peer, incarnation);
      await this.#save();
    }
    // A connection that came a moment later must wait for the same write.
    await this.#writing;
    return null;
  }

  /** The next incarnation of this peer is trusted again. */
  async forget(peer: NodeId): Promise<void> {
    if (this.#incarnations.delete(peer)) await this.#save();
  }

  #save(): Promise<void> {
    const file = this.#file;
    if (file === null) return Promise.resolve();
    this.#writing = this.#writing.then(() => writePeersFile(file, this.#incarnations));
    return this.#writing;
  }
}
