import type { FlowKeyFields } from './flow-fields.ts';

/**
 * One expectation of a connection-tracking helper, flat, in a reusable cell: what is expected, and by which flow. Structurally
 * equal to `ConntrackExpectation` of `@raftwall/netlink`; addresses and L4 words have the forms of {@link FlowFields}, and
 * family and zone are those of the master. Master and tuple are its key.
 */
export interface ExpectationFields {
  readonly master: FlowKeyFields;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  protocol: number;
  l4: number;
  /** Bits of the source that count; of the destination all do. */
  readonly maskSource: Uint8Array;
  readonly maskDestination: Uint8Array;
  maskL4: number;
  /** Life that remained when it was observed. */
  timeoutSeconds: number;
  /** NF_CT_EXPECT_* bits, 0 to 255. */
  flags: number;
  /** Number of the helper's policy, 0 to 255. */
  policy: number;
  /** At most 15 ASCII characters; empty for none. */
  helper: string;
  /** What the kernel does with the expected flow, at most 31 ASCII characters; empty for nothing. */
  nextHelper: string;
  /** Direction of the translation that the expected flow gets, 0 or 1; -1 for none. */
  natDirection: number;
  readonly natSource: Uint8Array;
  natProtocol: number;
  natL4: number;
}

/** The cell behind {@link ExpectationFields}. Starts as an empty IPv4 expectation. */
export class ExpectationRecord implements ExpectationFields {
  readonly master: FlowKeyFields = {
    family: 2,
    protocol: 0,
    zone: 0,
    originalSource: new Uint8Array(16),
    originalDestination: new Uint8Array(16),
    originalL4: 0,
  };
  readonly source = new Uint8Array(16);
  readonly destination = new Uint8Array(16);
  protocol = 0;
  l4 = 0;
  readonly maskSource = new Uint8Array(16);
  readonly maskDestination = new Uint8Array(16);
  maskL4 = 0;
  timeoutSeconds = 0;
  flags = 0;
  policy = 0;
  helper = '';
  nextHelper = '';
  natDirection = -1;
  readonly natSource = new Uint8Array(16);
  /** The kernel keeps and reports only the source of the translation. */
  readonly natDestination = new Uint8Array(16);
  natProtocol = 0;
  natL4 = 0;

  copyFrom(other: ExpectationFields): this {
    const { master } = other;
    this.master.family = master.family;
    this.master.protocol = master.protocol;
    this.master.zone = master.zone;
    this.master.originalSource.set(master.originalSource);
    this.master.originalDestination.set(master.originalDestination);
    this.master.originalL4 = master.originalL4;
    this.source.set(other.source);
    this.destination.set(other.destination);
    this.protocol = other.protocol;
    this.l4 = other.l4;
    this.maskSource.set(other.maskSource);
    this.maskDestination.set(other.maskDestination);
    this.maskL4 = other.maskL4;
    this.timeoutSeconds = other.timeoutSeconds;
    this.flags = other.flags;
    this.policy = other.policy;
    this.helper = other.helper;
    this.nextHelper = other.nextHelper;
    this.natDirection = other.natDirection;
    this.natSource.set(other.natSource);
    this.natProtocol = other.natProtocol;
    this.natL4 = other.natL4;
    return this;
  }
}
