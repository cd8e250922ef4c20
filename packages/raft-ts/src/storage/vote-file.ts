import { Buffer } from 'node:buffer';
import { StorageCorruptionError, StorageFormatError } from './errors.ts';
import type { Done, FileSystem } from './file-system.ts';
import {
  decodeVoteSlot,
  encodeVoteSlot,
  type VoteState,
  voteFormatVersion,
  voteSlotBytes,
} from './vote-slot.ts';

/** What an update may change. */
export type VoteChange = Partial<
  Pick<VoteState, 'hardState' | 'compacted' | 'synced' | 'tornLog' | 'initialising' | 'bootstrap'>
>;

/**
 * Term, vote and the log's bounds, in two slots that are written one after the other, each synced before the next step
 * (rule L2). A write is answered when both slots hold it. So whatever becomes of one slot, by a crash in the middle of a
 * write or by damage later, the other one holds what was answered last, or something newer.
 */
export class VoteFile {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #file: number;
  #state: VoteState;
  #change: VoteChange = {};
  #waiting: Done[] = [];
  #isWriting = false;

  private constructor(fileSystem: FileSystem, path: string, file: number, state: VoteState) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.#file = file;
    this.#state = state;
  }

  /** Makes the file under a name of its own first: under its final name it is never half made. */
  static async create(fileSystem: FileSystem, path: string, state: VoteState): Promise<VoteFile> {
    const draft = `${path}.tmp`;
    const file = await fileSystem.open(draft, 'create');
    const vote = new VoteFile(fileSystem, path, file, state);
    await vote.update({});
    await fileSystem.rename(draft, path);
    return vote;
  }

  /**
   * @throws {StorageCorruptionError} If no slot is whole, or the slots contradict each other.
   * @throws {StorageFormatError} If a newer version wrote it.
   */
  static async open(fileSystem: FileSystem, path: string): Promise<VoteFile> {
    const file = await fileSystem.open(path, 'update');
    try {
      const state = readSlots(fileSystem, path, file);
      return new VoteFile(fileSystem, path, file, state);
    } catch (error) {
      await fileSystem.close(file);
      throw error;
    }
  }

  /** What was answered last; before the first update after `open`, what was found. */
  get state(): VoteState {
    return this.#state;
  }

  /** Resolves when the change, together with everything asked for before, is durable in both slots. */
  update(change: VoteChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(change, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** As `update`, with a callback. Changes that wait for a write in flight are written together, later ones winning. */
  write(change: VoteChange, done: Done): void {
    this.#change = { ...this.#change, ...change };
    this.#waiting.push(done);
    if (!this.#isWriting) this.#writeNext();
  }

  async close(): Promise<void> {
    await this.#fileSystem.close(this.#file);
  }

  #writeNext(): void {
    const state = { ...this.#state, ...this.#change, sequence: this.#state.sequence + 1 };
    const waiting = this.#waiting;
    this.#change = {};
    this.#waiting = [];
    this.#isWriting = true;
    const slot = encodeVoteSlot(state);
    this.#writeSlot(slot, 0, (firstError) => {
      if (firstError) this.#answer(waiting, firstError);
      else
        this.#writeSlot(slot, 1, (secondError) => {
          if (!secondError) this.#state = state;
          this.#answer(waiting, secondError);
        });
    });
  }

  #writeSlot(slot: Buffer, number: 0 | 1, done: Done): void {
    this.#fileSystem.write(this.#file, slot, number * voteSlotBytes, (error) => {
      if (error) done(error);
      else this.#fileSystem.dataSync(this.#file, done);
    });
  }

  #answer(waiting: readonly Done[], error: Error | null): void {
    // After an error the slots' state is unknown: whoever waits fails too, and nothing is written again.
    const others = error ? this.#waiting.splice(0) : [];
    this.#isWriting = error !== null;
    for (const done of [...waiting, ...others]) done(error);
    if (!this.#isWriting && this.#waiting.length > 0) this.#writeNext();
  }
}

function readSlots(fileSystem: FileSystem, path: string, file: number): VoteState {
  const image = Buffer.alloc(2 * voteSlotBytes);
  const bytes = fileSystem.read(file, image, 0);
  const first = decodeVoteSlot(image.subarray(0, Math.min(bytes, voteSlotBytes)));
  const second = decodeVoteSlot(image.subarray(voteSlotBytes, Math.max(bytes, voteSlotBytes)));
  for (const slot of [first, second]) {
    if (slot.kind === 'newer') throw new StorageFormatError(path, slot.version, voteFormatVersion);
  }
  if (first.kind === 'whole' && second.kind === 'whole') {
    const ahead = first.state.sequence - second.state.sequence;
    if (ahead === 0 || ahead === 1) return first.state;
    throw new StorageCorruptionError(path, 0, `the slots are ${ahead} writes apart`);
  }
  if (first.kind === 'whole') return first.state;
  if (second.kind === 'whole') return second.state;
  throw new StorageCorruptionError(path, 0, 'both slots of the vote file are damaged');
}
