import { FlowRecord, OperationWriter } from '@raftwall/flow-table';
import { fillSample } from '../sample-flows.ts';

/** Flows that the load writes again and again. */
export const flowsMax = 200_000;

/** Packs the operations of one request after the other: upserts of flows 0, 1, 2 ... and from the beginning again. */
export class FlowBlobs {
  readonly #writer = new OperationWriter();
  readonly #flow = new FlowRecord();
  #next = 0;

  /** A blob of its own memory. */
  take(operations: number): Uint8Array {
    this.#writer.reset();
    for (let i = 0; i < operations; i += 1) {
      fillSample(this.#next, this.#flow);
      this.#writer.create(this.#flow);
      this.#next = (this.#next + 1) % flowsMax;
    }
    return this.#writer.finish();
  }
}
