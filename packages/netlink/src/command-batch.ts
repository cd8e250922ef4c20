import { ConntrackAttribute } from './conntrack-attribute.ts';
import { type TupleDirection, writeChanges, writeKey, writeNewEntry } from './conntrack-encoder.ts';
import type { ConntrackFields } from './conntrack-entry.ts';
import type { ExpectationFields } from './conntrack-expectation.ts';
import {
  Cta,
  CtMessage,
  SUBSYSTEM_CTNETLINK,
  SUBSYSTEM_EXPECTATIONS,
} from './ctnetlink-protocol.ts';
import { BatchTooLargeError } from './errors.ts';
import { writeExpectationKey, writeNewExpectation } from './expectation-encoder.ts';
import { MESSAGE_BYTES_MAX, MessageWriter } from './message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from './netlink-protocol.ts';
import { type CommandBatchOptions, commandBatchDefaults } from './options.ts';

const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Commands to the kernel's conntrack table, encoded one behind the other into one reused buffer. Message number n of a
 * batch has sequence `firstSequence + n`. There is no flush: a delete always names a flow.
 */
export class CommandBatch {
  readonly #writer: MessageWriter;
  readonly #liberal: boolean;
  readonly #timeoutSecondsDefault: number;
  #firstSequence = 1;
  #count = 0;

  constructor(options: Partial<CommandBatchOptions> = {}) {
    const { tcpWindowTracking, timeoutSecondsDefault } = { ...commandBatchDefaults, ...options };
    this.#writer = new MessageWriter();
    this.#liberal = tcpWindowTracking === 'liberal';
    this.#timeoutSecondsDefault = timeoutSecondsDefault;
  }

  get firstSequence(): number {
    return this.#firstSequence;
  }

  /** How many messages the batch has. */
  get count(): number {
    return this.#count;
  }

  /** The encoded messages are the first `length` of these; valid until the next message is added. */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }

  get length(): number {
    return this.#writer.length;
  }

  /** Empties the batch. Sequences go on behind the last batch unless one is given (1 to 4294967295). */
  reset(firstSequence: number = (this.#firstSequence + this.#count) >>> 0 || 1): void {
    this.#writer.clear();
    this.#firstSequence = firstSequence;
    this.#count = 0;
  }

  /**
   * Makes a flow, or EEXIST if either tuple is taken. NAT comes from the difference of the reply tuple from the inverse of
   * the original one; both must be those of the real flow. Status keeps SEEN_REPLY, ASSURED and FIXED_TIMEOUT; a GRE flow always gets the latter,
   * since its first packet would end it otherwise.
   *
   * @param attributes Which of the entry's attributes to send, default all that it has; bits of `ConntrackAttribute`.
   * @returns Number of the message in the batch.
   */
  create(entry: ConntrackFields, attributes: number = entry.attributes): number {
    this.#begin(CtMessage.new, NLM_F_CREATE | NLM_F_EXCL, entry);
    const timeout =
      attributes & ConntrackAttribute.timeout ? entry.timeoutSeconds : this.#timeoutSecondsDefault;
    writeNewEntry(this.#writer, entry, attributes, timeout, this.#liberal);
    return this.#end();
  }

  /**
   * Changes an existing flow, or ENOENT. Sent are timeout, status, protocol state, mark, sequence adjustment, synproxy and
   * labels, as far as `attributes` names them; the others cannot be changed, nor can the timeout of a GRE flow. The kernel applies them one by one: after an
   * error some may have taken effect.
   *
   * @param kernelStatus The status that the kernel's entry has, or'ed into a status that is sent. Without it EXPECTED,
   * SEEN_REPLY or ASSURED of the kernel would be cleared, which is EBUSY: then leave `status` out of `attributes`.
   */
  update(entry: ConntrackFields, attributes: number, kernelStatus: number = 0): number {
    this.#begin(CtMessage.new, 0, entry);
    writeKey(this.#writer, entry, 'original');
    writeChanges(this.#writer, entry, attributes, kernelStatus, this.#liberal);
    return this.#end();
  }

  /**
   * Ends the flow that has this original, or this reply, tuple; ENOENT if there is none.
   *
   * @param id Only if its CTA_ID is this one; null for any.
   */
  delete(
    entry: ConntrackFields,
    direction: TupleDirection = 'original',
    id: number | null = null,
  ): number {
    this.#begin(CtMessage.delete, 0, entry);
    writeKey(this.#writer, entry, direction);
    if (id !== null) this.#writer.attributeU32(Cta.id, id);
    return this.#end();
  }

  /** Asks for the flow that has this original, or this reply, tuple; ENOENT if there is none. */
  get(entry: ConntrackFields, direction: TupleDirection = 'original'): number {
    this.#begin(CtMessage.get, 0, entry);
    writeKey(this.#writer, entry, direction);
    return this.#end();
  }

  /**
   * Makes an expectation of an existing flow with a helper: ENOENT without the flow, EOPNOTSUPP without the helper, EEXIST
   * if it is expected already. It lives as long as the helper's policy says; see `limitExpectation`.
   */
  expect(expectation: ExpectationFields): number {
    this.#begin(
      CtMessage.new,
      NLM_F_CREATE | NLM_F_EXCL,
      expectation.master,
      SUBSYSTEM_EXPECTATIONS,
    );
    writeNewExpectation(this.#writer, expectation);
    return this.#end();
  }

  /** Sets the remaining life of an expectation that is there: the kernel takes none from the message that makes it. */
  limitExpectation(expectation: ExpectationFields): number {
    this.#begin(CtMessage.new, 0, expectation.master, SUBSYSTEM_EXPECTATIONS);
    writeNewExpectation(this.#writer, expectation);
    return this.#end();
  }

  /** Takes an expectation back; ENOENT if there is none. */
  unexpect(expectation: ExpectationFields): number {
    this.#begin(CtMessage.delete, 0, expectation.master, SUBSYSTEM_EXPECTATIONS);
    writeExpectationKey(this.#writer, expectation);
    return this.#end();
  }

  /** Asks for an acknowledgement of the last message; whoever sends the batch calls it first. */
  acknowledgeLast(): void {
    if (this.#count > 0) this.#writer.acknowledgeLast();
  }

  #begin(
    message: number,
    flags: number,
    { family }: { readonly family: number },
    subsystem: number = SUBSYSTEM_CTNETLINK,
  ): void {
    const writer = this.#writer;
    if (writer.length + MESSAGE_BYTES_MAX > BATCH_BYTES_MAX) {
      throw new BatchTooLargeError(this.#count, this.#count, writer.length, BATCH_BYTES_MAX);
    }
    const sequence = (this.#firstSequence + this.#count) >>> 0;
    writer.begin((subsystem << 8) | message, NLM_F_REQUEST | flags, sequence);
    writer.u8(family);
    writer.u8(0);
    writer.u8(0);
    writer.u8(0);
  }

  #end(): number {
    this.#writer.end();
    return this.#count++;
  }
}
