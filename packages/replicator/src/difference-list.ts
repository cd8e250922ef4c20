import {
  type FlowFields,
  FlowRecord,
  OperationReader,
  OperationWriter,
} from '@raftwall/flow-table';
import { Packr, Unpackr } from 'msgpackr';
import { CommandFormatError } from './errors.ts';

/**
 * How one side differs from the other: it lacks a flow, has one too many, or has it otherwise. The numbers are durable.
 */
export const DifferenceKind = { missing: 1, extra: 2, different: 3 } as const;

export type DifferenceKind = (typeof DifferenceKind)[keyof typeof DifferenceKind];

/** One flow in which two sides differ. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** `FlowAttribute` bits that differ; 0 unless `different`. */
  readonly attributes: number;
  /** As the compared side has it; as the other has it if `missing`. */
  readonly flow: FlowRecord;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** Differences of one side: all are counted, the first so many are named. */
export class DifferenceList {
  readonly #namedMax: number;
  readonly named: Difference[] = [];
  missing = 0;
  extra = 0;
  different = 0;

  constructor(namedMax: number) {
    this.#namedMax = namedMax;
  }

  get count(): number {
    return this.missing + this.extra + this.different;
  }

  add(kind: DifferenceKind, flow: FlowFields, attributes = 0): void {
    if (kind === DifferenceKind.missing) this.missing += 1;
    else if (kind === DifferenceKind.extra) this.extra += 1;
    else this.different += 1;
    if (this.named.length >= this.#namedMax) return;
    this.named.push({ kind, attributes, flow: copyOf(flow) });
  }

  addAll(other: DifferenceList): void {
    this.missing += other.missing;
    this.extra += other.extra;
    this.different += other.different;
    this.named.push(...other.named.slice(0, this.#namedMax - this.named.length));
  }

  /** The named ones, less than 256 bytes each, for `decodeDifferences`. */
  encode(): Uint8Array {
    const writer = new OperationWriter();
    for (const { flow } of this.named) writer.create(flow);
    const kinds = this.named.map(({ kind }) => kind);
    const attributes = this.named.map((it) => it.attributes);
    return packr.pack([kinds, attributes, writer.finish()]);
  }
}

/** @throws {CommandFormatError | FlowCodecError} If the bytes are no such list. */
export function decodeDifferences(bytes: Uint8Array): readonly Difference[] {
  if (bytes.length === 0) return [];
  const [kinds, attributes, blob] = fieldsOf(bytes);
  const reader = new OperationReader(blob);
  const named: Difference[] = [];
  while (reader.next()) {
    const at = named.length;
    named.push({
      kind: kindOf(kinds[at]),
      attributes: Number(attributes[at]) & 0xffff,
      flow: copyOf(reader.fields),
    });
  }
  return named;
}

function fieldsOf(
  bytes: Uint8Array,
): readonly [readonly unknown[], readonly unknown[], Uint8Array] {
  const value: unknown = unpackr.unpack(bytes);
  if (Array.isArray(value)) {
    const [kinds, attributes, blob] = value as unknown[];
    if (Array.isArray(kinds) && Array.isArray(attributes) && blob instanceof Uint8Array) {
      return [kinds, attributes, blob];
    }
  }
  throw new CommandFormatError('not a list of differences');
}

function kindOf(value: unknown): DifferenceKind {
  const kind = Object.values(DifferenceKind).find((known) => known === value);
  if (kind === undefined) throw new CommandFormatError(`unknown difference ${String(value)}`);
  return kind;
}

function copyOf(flow: FlowFields): FlowRecord {
  const copy = new FlowRecord();
  copy.copyFrom(flow);
  return copy;
}
