import { Buffer } from 'node:buffer';
import path from 'node:path';
import { EntryIndex } from './entry-index.ts';
import { dataSyncAsync, type FileSystem, writeAsync } from './file-system.ts';
import { makeSegment, type Segment, segmentName, writeSegmentHeader } from './segment.ts';
import { type SegmentHeader, segmentHeaderBytes } from './segment-header.ts';

interface Spare {
  readonly path: string;
  readonly file: number;
}

const spareSuffix = '.spare';
const noSpaceCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Whether a file is left over from a factory of an earlier run. */
export function isSpareName(name: string): boolean {
  return name.endsWith(spareSuffix);
}

/** Bytes of zeros that are written and synced in one step: small enough not to be in an append's way for long. */
const stepBytes = 1024 * 1024;

/**
 * Makes segment files. One spare is filled with zeros in the background, so that a sync of it moves data only and the
 * filesystem's journal is not involved; without a spare in time a segment begins as an empty file that grows.
 */
export class SegmentFactory {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #segmentBytes: number;
  #spare: Spare | null = null;
  #preparing: Promise<void> | null = null;
  #spareNumber = 0;
  #state: 'running' | 'closed' | 'stopped' = 'running';

  constructor(fileSystem: FileSystem, directory: string, segmentBytes: number) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  /**
   * Prepares the next file; harmless when one is ready or being made.
   * Resolves also when there is no room for it: the append that needs the room will say so.
   */
  prepare(): Promise<void> {
    if (this.#spare !== null || this.#state !== 'running') return Promise.resolve();
    this.#preparing ??= this.#fill().finally(() => {
      this.#preparing = null;
    });
    return this.#preparing;
  }

  /** Begins a segment: when this resolves, the file with its header is durable under its name. */
  async begin(header: SegmentHeader): Promise<{ segment: Segment; wasPrepared: boolean }> {
    const spare = this.#spare;
    this.#spare = null;
    const { path: draft, file } = spare ?? (await this.#createDraft());
    await writeSegmentHeader(this.#fileSystem, file, header);
    await dataSyncAsync(this.#fileSystem, file);
    const final = path.join(this.#directory, segmentName(header.sequence));
    await this.#fileSystem.rename(draft, final);
    await this.#fileSystem.syncDirectory(this.#directory);
    const content = {
      entries: new EntryIndex(header.firstIndex),
      end: segmentHeaderBytes,
      crc: header.seed,
    };
    const segment = makeSegment({ path: final, file, header }, content);
    return { segment, wasPrepared: spare !== null };
  }

  /** The disk failed: ends the background work after the step in flight; nothing is written or removed after that. */
  stop(): void {
    this.#state = 'stopped';
  }

  /** Waits for the background work and removes the spare; after `stop` it stays, for the next open to remove. */
  async close(): Promise<void> {
    if (this.#state === 'running') this.#state = 'closed';
    await this.#preparing?.catch(() => undefined);
    if (this.#spare !== null) await this.#giveUp(this.#spare);
    this.#spare = null;
  }

  async #createDraft(): Promise<Spare> {
    this.#spareNumber += 1;
    const draft = path.join(this.#directory, `${this.#spareNumber}${spareSuffix}`);
    return { path: draft, file: await this.#fileSystem.open(draft, 'create') };
  }

  async #fill(): Promise<void> {
    const spare = await this.#createDraft();
    const zeros = Buffer.alloc(Math.min(stepBytes, this.#segmentBytes));
    try {
      for (let offset = 0; offset < this.#segmentBytes; offset += zeros.length) {
        if (this.#state !== 'running') return await this.#giveUp(spare);
        const bytes = Math.min(zeros.length, this.#segmentBytes - offset);
        await writeAsync(this.#fileSystem, spare.file, zeros.subarray(0, bytes), offset);
        await dataSyncAsync(this.#fileSystem, spare.file);
      }
      this.#spare = spare;
    } catch (error) {
      if (!noSpaceCodes.has((error as NodeJS.ErrnoException).code ?? '')) {
        await this.#fileSystem.close(spare.file).catch(() => undefined);
        throw error;
      }
      await this.#giveUp(spare);
    }
  }

  async #giveUp(spare: Spare): Promise<void> {
    await this.#fileSystem.close(spare.file);
    if (this.#state !== 'stopped') await this.#fileSystem.remove(spare.path);
  }
}
