import { randomBytes } from 'node:crypto';
import {
  FLOW_KEY_BYTES_MAX,
  type FlowKeyFields,
  WordHash,
  writeFlowKey,
} from '@raftwall/flow-table';

// Keys are chosen by strangers: a seed of this process keeps them from colliding on purpose.
const seed = randomBytes(8);
const hash = new WordHash(seed.readUInt32LE(0), seed.readUInt32LE(4));

/** Packed key and hash of one flow, made once per event and used for every look-up of that event. Reused. */
export class FlowKeyProbe {
  readonly bytes = new Uint8Array(FLOW_KEY_BYTES_MAX);
  length = 0;
  hash = 0;

  set(flow: FlowKeyFields): this {
    this.length = writeFlowKey(flow, this.bytes, 0);
    this.hash = hash.bytes(this.bytes, 0, this.length);
    return this;
  }

  /** The key bytes, valid until the next `set`. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** The key as a text, for the rare paths that keep flows in a Map. */
  text(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.length).toString('latin1');
  }
}
