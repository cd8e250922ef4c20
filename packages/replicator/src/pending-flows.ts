import {
  FLOW_KEY_BYTES_MAX,
  FlowAttribute,
  type FlowFields,
  FlowRecord,
  type OperationWriter,
} from '@raftwall/flow-table';
import type { FlowKeyProbe } from './flow-key-probe.ts';
import { mergeFlow } from './merge-flow.ts';

/** What a window knows of a flow. `replace` is a delete and a create of the same tuple: two flows, nothing merged (K2). */
export const PendingKind = {
  cancelled: 0,
  create: 1,
  update: 2,
  delete: 3,
  replace: 4,
  touch: 5,
} as const;

/**
 * Flows of one capture window, coalesced: one cell per flow, in the order in which they first changed. Cells are reused
 * from window to window, so that a window makes no garbage.
 */
export class PendingFlows {
  readonly #cells: FlowRecord[] = [];
  #kinds = new Uint8Array(64);
  #hashes = new Uint32Array(64);
  #keys = new Uint8Array(64 * FLOW_KEY_BYTES_MAX);
  #keyLengths = new Uint8Array(64);
  /** Open addressing: cell number + 1, 0 for a free place; at most half full. */
  #index = new Uint32Array(128);
  #size = 0;
  #live = 0;

  /** Cells in use, cancelled ones included. */
  get size(): number {
    return this.#size;
  }

  /** Flows that would be written. */
  get live(): number {
    return this.#live;
  }

  /** Cell of the flow, or -1. */
  find(probe: FlowKeyProbe): number {
    const mask = this.#index.length - 1;
    for (let place = probe.hash & mask; ; place = (place + 1) & mask) {
      const cell = this.#index[place]! - 1;
      if (cell < 0) return -1;
      if (this.#hashes[cell] === probe.hash && this.#hasKey(cell, probe)) return cell;
    }
  }

  kind(cell: number): number {
    return this.#kinds[cell]!;
  }

  /** Adds a flow that the window does not know yet. */
  add(probe: FlowKeyProbe, kind: number, flow: FlowFields): void {
    const cell = this.#claim(probe);
    this.#kinds[cell] = kind;
    this.#cells[cell]!.copyFrom(flow);
    if (kind !== PendingKind.cancelled) this.#live += 1;
  }

  /** The flow's values are these and nothing of what was known before. */
  replace(cell: number, kind: number, flow: FlowFields): void {
    this.#setKind(cell, kind);
    this.#cells[cell]!.copyFrom(flow);
  }

  /** Takes over the attributes that `flow` carries and keeps the others. */
  merge(cell: number, flow: FlowFields): void {
    if (this.#kinds[cell] === PendingKind.touch) {
      this.#kinds[cell] = PendingKind.update;
      this.#cells[cell]!.attributes &= FlowAttribute.timeout;
    }
    mergeFlow(this.#cells[cell]!, flow);
  }

  cancel(cell: number): void {
    this.#setKind(cell, PendingKind.cancelled);
  }

  /** Writes every live flow as operations, in order. */
  writeTo(writer: OperationWriter): void {
    for (let cell = 0; cell < this.#size; cell += 1) {
      const flow = this.#cells[cell]!;
      switch (this.#kinds[cell]) {
        case PendingKind.create:
          writer.create(flow);
          break;
        case PendingKind.update:
          writer.update(flow);
          break;
        case PendingKind.touch:
          writer.touch(flow);
          break;
        case PendingKind.delete:
          writer.delete(flow);
          break;
        case PendingKind.replace:
          writer.delete(flow);
          writer.create(flow);
          break;
      }
    }
  }

  clear(): void {
    this.#size = 0;
    this.#live = 0;
    this.#index.fill(0);
  }

  #setKind(cell: number, kind: number): void {
    if (this.#kinds[cell] === PendingKind.cancelled) this.#live += 1;
    if (kind === PendingKind.cancelled) this.#live -= 1;
    this.#kinds[cell] = kind;
  }

  #hasKey(cell: number, probe: FlowKeyProbe): boolean {
    if (this.#keyLengths[cell] !== probe.length) return false;
    const start = cell * FLOW_KEY_BYTES_MAX;
    for (let i = 0; i < probe.length; i += 1) {
      if (this.#keys[start + i] !== probe.bytes[i]) return false;
    }
    return true;
  }

  #claim(probe: FlowKeyProbe): number {
    if (this.#size === this.#kinds.length) this.#grow();
    const cell = this.#size;
    this.#size += 1;
    if (cell === this.#cells.length) this.#cells.push(new FlowRecord());
    this.#hashes[cell] = probe.hash;
    this.#keyLengths[cell] = probe.length;
    this.#keys.set(probe.view(), cell * FLOW_KEY_BYTES_MAX);
    this.#place(cell);
    return cell;
  }

  #place(cell: number): void {
    const mask = this.#index.length - 1;
    let place = this.#hashes[cell]! & mask;
    while (this.#index[place] !== 0) place = (place + 1) & mask;
    this.#index[place] = cell + 1;
  }

  #grow(): void {
    const capacity = this.#kinds.length * 2;
    this.#kinds = grown(this.#kinds, new Uint8Array(capacity));
    this.#hashes = grown(this.#hashes, new Uint32Array(capacity));
    this.#keyLengths = grown(this.#keyLengths, new Uint8Array(capacity));
    this.#keys = grown(this.#keys, new Uint8Array(capacity * FLOW_KEY_BYTES_MAX));
    this.#index = new Uint32Array(capacity * 2);
    for (let cell = 0; cell < this.#size; cell += 1) this.#place(cell);
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
