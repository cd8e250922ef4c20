import { Buffer } from 'node:buffer';
import {
  type ClusterConfig,
  type Entry,
  EntryType,
  type Index,
  type NodeId,
  type SnapshotMeta,
} from '../core/types.ts';
import type { SnapshotContent, StateMachine } from '../ports.ts';
import { InvariantError, type Invariants } from './invariants.ts';

/** What a client asks of the registers; a `put` or `cas` writes its own `id`, so every value names who wrote it. */
export interface Command {
  /** Unique in the run, above 0. */
  readonly id: number;
  /** `none` only takes a place in the log. */
  readonly kind: 'none' | 'put' | 'cas';
  readonly key: number;
  /** `cas` writes only over this value; 0 means that the register is empty. */
  readonly expect: number;
}

/** What applying a command came to. */
export interface Outcome {
  readonly index: Index;
  readonly isWritten: boolean;
}

const kinds = ['none', 'put', 'cas'] as const;
const commandBytes = 13;

/** The command as log data, made longer by `padding` bytes. */
export function encodeCommand(command: Command, padding: number): Uint8Array {
  const data = new Uint8Array(commandBytes + padding);
  const view = new DataView(data.buffer);
  view.setUint32(0, command.id);
  view.setUint8(4, kinds.indexOf(command.kind));
  view.setUint32(5, command.key);
  view.setUint32(9, command.expect);
  return data;
}

export function decodeCommand({ data }: Entry): Command {
  const view = new DataView(data.buffer, data.byteOffset);
  const kind = kinds[view.getUint8(4)]!;
  return { id: view.getUint32(0), kind, key: view.getUint32(5), expect: view.getUint32(9) };
}

/** Registers by key, as a state machine of one life of a member. */
export class SimStateMachine implements StateMachine<Outcome> {
  /** Keeps no configuration, so that this path is tried too: it is then found in the log. */
  readonly appliedConfig: ClusterConfig | null = null;
  readonly #id: NodeId;
  readonly #invariants: Invariants;
  readonly #beforeApply: () => void;
  readonly #restoring: () => Promise<void>;
  #registers = new Map<number, number>();
  #appliedIndex: Index = 0;

  /** `restoring` says how long a restoration takes. */
  constructor(
    id: NodeId,
    invariants: Invariants,
    beforeApply: () => void,
    restoring: () => Promise<void>,
  ) {
    this.#restoring = restoring;
    this.#id = id;
    this.#invariants = invariants;
    this.#beforeApply = beforeApply;
  }

  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** 0 when the register is empty. */
  get(key: number): number {
    return this.#registers.get(key) ?? 0;
  }

  apply(entries: readonly Entry[]): readonly Outcome[] {
    this.#beforeApply();
    return entries.map((entry) => {
      this.#invariants.applied(this.#id, entry);
      this.#appliedIndex = entry.index;
      const isWritten = entry.type === EntryType.normal && this.#write(decodeCommand(entry));
      return { index: entry.index, isWritten };
    });
  }

  snapshot(): SnapshotContent {
    this.check();
    return [this.content()];
  }

  /** Until it ends, the former state is what readers see. */
  async restore({ lastIndex }: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    await this.#restoring();
    this.load(Buffer.concat(pieces));
    if (this.#appliedIndex > lastIndex) {
      throw new InvariantError(
        `${this.#id} was given the state of ${this.#appliedIndex} as that of ${lastIndex}`,
      );
    }
    this.check();
  }

  /** @throws {InvariantError} If the state is not what the committed entries up to the applied one make. */
  check(): void {
    const expected = new Map<number, number>();
    for (const entry of this.#invariants.appliedEntries.slice(0, this.#appliedIndex + 1)) {
      if (entry?.type === EntryType.normal) writeTo(expected, decodeCommand(entry));
    }
    const [found, wanted] = [this.#registers, expected].map((registers) =>
      JSON.stringify([...registers].sort(([a], [b]) => a - b)),
    );
    if (found === wanted) return;
    throw new InvariantError(
      `${this.#id} has another state at ${this.#appliedIndex} than the log makes`,
    );
  }

  /** All of the state, as it is at `appliedIndex`. */
  content(): Uint8Array {
    const state = { appliedIndex: this.#appliedIndex, registers: [...this.#registers] };
    return new TextEncoder().encode(JSON.stringify(state));
  }

  /** Replaces the state by what `content` gave. */
  load(content: Uint8Array): void {
    const { appliedIndex, registers } = JSON.parse(new TextDecoder().decode(content)) as {
      appliedIndex: Index;
      registers: [number, number][];
    };
    this.#appliedIndex = appliedIndex;
    this.#registers = new Map(registers);
  }

  #write(command: Command): boolean {
    return writeTo(this.#registers, command);
  }
}

function writeTo(registers: Map<number, number>, { id, kind, key, expect }: Command): boolean {
  if (kind === 'none') return false;
  if (kind === 'cas' && (registers.get(key) ?? 0) !== expect) return false;
  registers.set(key, id);
  return true;
}
