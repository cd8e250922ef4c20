import { AF_INET } from './netlink-protocol.ts';

/** First word of each address in `ConntrackExpectation.addressWords`. */
export const ExpectationCell = { master: 0, tuple: 8, mask: 16, nat: 24 } as const;

/** The original tuple, and the zone, of the flow whose helper expects something. */
export interface ExpectingFlow {
  /** 2 (AF_INET) or 10 (AF_INET6). */
  family: number;
  protocol: number;
  zone: number;
  readonly originalSource: Uint8Array;
  readonly originalDestination: Uint8Array;
  originalL4: number;
}

/**
 * One expectation of a helper, such as the data connection of an FTP session that is about to be opened. A reusable cell
 * like `ConntrackEntry`, with the same forms of addresses and L4 words; family and zone are those of the master.
 */
export class ConntrackExpectation {
  /** The bytes of all address cells, in the order of `ExpectationCell`, as words. */
  readonly addressWords: Int32Array = new Int32Array(new ArrayBuffer(8 * 16));
  readonly master: ExpectingFlow = {
    family: AF_INET,
    protocol: 0,
    zone: 0,
    originalSource: cell(this.addressWords, ExpectationCell.master),
    originalDestination: cell(this.addressWords, ExpectationCell.master + 4),
    originalL4: 0,
  };
  /** What is expected, as far as the mask has bits. */
  readonly source: Uint8Array = cell(this.addressWords, ExpectationCell.tuple);
  readonly destination: Uint8Array = cell(this.addressWords, ExpectationCell.tuple + 4);
  protocol = 0;
  l4 = 0;
  /** Bits of the source that count; of the destination all do. */
  readonly maskSource: Uint8Array = cell(this.addressWords, ExpectationCell.mask);
  readonly maskDestination: Uint8Array = cell(this.addressWords, ExpectationCell.mask + 4);
  maskL4 = 0;
  timeoutSeconds = 0;
  /** NF_CT_EXPECT_* bits: 1 permanent, 2 inactive, 4 made by a message. */
  flags = 0;
  /** Number of the helper's policy that it falls under. */
  policy = 0;
  /** Name of the helper, at most 15 ASCII characters; empty when the message had none. */
  helper = '';
  /** What the kernel does with the expected flow (nf_ct_helper_expectfn), at most 31 characters; empty for nothing. */
  nextHelper = '';
  /** Direction of the translation that the expected flow gets, 0 or 1; -1 for none. */
  natDirection = -1;
  readonly natSource: Uint8Array = cell(this.addressWords, ExpectationCell.nat);
  readonly natDestination: Uint8Array = cell(this.addressWords, ExpectationCell.nat + 4);
  natProtocol = 0;
  natL4 = 0;
}

/** What encoding reads. */
export type ExpectationFields = Readonly<Omit<ConntrackExpectation, 'addressWords'>>;

function cell(words: Int32Array, firstWord: number): Uint8Array {
  return new Uint8Array(words.buffer, firstWord * 4, 16);
}
