import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { NodeId } from '../core/types.ts';
import { PeersFileError } from './errors.ts';
import type { Refusal } from './handshake.ts';

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
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw new PeersFileError(this.#file, 'the file of known peers cannot be read', error);
    }
    for (const [id, incarnation] of parse(this.#file, text))
      this.#incarnations.set(id, incarnation);
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
    this.#writing = this.#writing.then(() => this.#write(file));
    return this.#writing;
  }

  async #write(file: string): Promise<void> {
    const content = { version: 1, peers: Object.fromEntries(this.#incarnations) };
    try {
      await replaceFile(file, `${JSON.stringify(content, null, 2)}\n`);
    } catch (error) {
      throw new PeersFileError(file, 'the file of known peers cannot be written', error);
    }
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.tmp`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const directory = await open(path.dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function parse(file: string, text: string): [NodeId, string][] {
  try {
    const { version, peers } = JSON.parse(text) as { version: unknown; peers: unknown };
    if (version === 1 && typeof peers === 'object' && peers !== null) {
      const found = Object.entries(peers);
      if (found.every(([, incarnation]) => /^[0-9a-f]{32}$/.test(String(incarnation))))
        return found;
    }
  } catch (error) {
    throw new PeersFileError(file, 'the file of known peers is no JSON', error);
  }
  throw new PeersFileError(file, 'the file of known peers is not of version 1');
}
