import { decodeConntrackEntry } from './conntrack-decoder.ts';
import { ConntrackEntry } from './conntrack-entry.ts';
import { ConntrackExpectation } from './conntrack-expectation.ts';
import { CtMessage, SUBSYSTEM_CTNETLINK, SUBSYSTEM_EXPECTATIONS } from './ctnetlink-protocol.ts';
import type { DatagramSource } from './datagram-source.ts';
import { decodeExpectation } from './expectation-decoder.ts';
import {
  MESSAGE_HEADER_BYTES,
  NFGEN_HEADER_BYTES,
  NLM_F_CREATE,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink-protocol.ts';

/** What a message says about its flow. */
export const ConntrackKind = {
  /** Event: the flow was made. */
  new: 1,
  /** Event: the flow changed, or a message asked for a change. */
  update: 2,
  /** Event: the flow ended. */
  destroy: 3,
  /** Answer to a dump or a get. */
  entry: 4,
} as const;

export type ConntrackKind = (typeof ConntrackKind)[keyof typeof ConntrackKind];

const MIN_BYTES = MESSAGE_HEADER_BYTES + NFGEN_HEADER_BYTES;

/** Told of acknowledgements and of the end of a dump, in their place among the entries. `errno` is 0 for success. */
export type ControlHandler = (sequence: number, errno: number) => void;

/**
 * Told of expectations in their place among the entries: they are made and used between events of flows. The cell is
 * reused; `kind` is `new`, `destroy` or `entry`.
 */
export type ExpectationHandler = (
  kind: ConntrackKind,
  expectation: ConntrackExpectation,
  portId: number,
) => void;

/** Who hears of what lies among the entries. */
export interface CursorHandlers {
  readonly onControl?: ControlHandler;
  readonly onExpectation?: ExpectationHandler;
}

/**
 * Walks the conntrack messages of received datagrams: `while (cursor.next()) { ... cursor.entry ... }`. Everything that it
 * shows is reused by the next `next()`. Messages that do not parse are counted in `malformed` and skipped.
 */
export class ConntrackCursor {
  kind: ConntrackKind = ConntrackKind.entry;
  /** Port id of the socket that caused an event; 0: packets or timeouts did. */
  portId = 0;
  /** Sequence of the request that an entry answers; 0 in events. */
  sequence = 0;
  readonly entry = new ConntrackEntry();
  /** Messages skipped since the cursor was made. */
  malformed = 0;
  /** Messages shown since the cursor was made. */
  shown = 0;
  /** A dump's message said that the table changed under it. */
  interrupted = false;
  /** Skips messages that answer another request than this one; null shows all. */
  wantedSequence: number | null = null;

  #source: DatagramSource;
  readonly #handlers: CursorHandlers;
  readonly #expectation = new ConntrackExpectation();
  #at = 0;
  #end = 0;

  constructor(source: DatagramSource, handlers: CursorHandlers = {}) {
    this.#source = source;
    this.#handlers = handlers;
  }

  /** Moves to the next conntrack message; false when the batch is at its end. */
  next(): boolean {
    for (;;) {
      if (this.#end - this.#at < MESSAGE_HEADER_BYTES) {
        if (this.#end !== this.#at) this.malformed++;
        if (!this.#source.nextDatagram()) {
          this.#at = this.#end;
          return false;
        }
        this.#at = this.#source.offset;
        this.#end = this.#source.end;
        continue;
      }
      if (this.#message()) {
        this.shown++;
        return true;
      }
    }
  }

  #message(): boolean {
    const view = this.#source.view;
    const at = this.#at;
    const length = view.getUint32(at, true);
    if (length < MESSAGE_HEADER_BYTES || length > this.#end - at) {
      // Without a sound length there is no next message in this datagram.
      this.malformed++;
      this.#at = this.#end;
      return false;
    }
    this.#at = Math.min(at + ((length + 3) & ~3), this.#end);
    const type = view.getUint16(at + 4, true);
    const flags = view.getUint16(at + 6, true);
    if (this.wantedSequence !== null && view.getUint32(at + 8, true) !== this.wantedSequence) {
      return false;
    }
    if ((flags & NLM_F_DUMP_INTR) !== 0) this.interrupted = true;
    const subsystem = type >>> 8;
    if (subsystem === SUBSYSTEM_CTNETLINK) {
      return this.#conntrack(view, at, length, type & 0xff, flags);
    }
    if (subsystem === SUBSYSTEM_EXPECTATIONS) {
      this.#expect(view, at, length, type & 0xff, flags);
    } else this.#control(view, at, length, type);
    return false;
  }

  #expect(view: DataView, at: number, length: number, message: number, flags: number): void {
    const { onExpectation } = this.#handlers;
    if (onExpectation === undefined) return;
    if (message !== CtMessage.new && message !== CtMessage.delete) return;
    const family = length >= MIN_BYTES ? view.getUint8(at + MESSAGE_HEADER_BYTES) : 0;
    const isSound = decodeExpectation(view, at + MIN_BYTES, at + length, family, this.#expectation);
    if (!isSound) this.malformed++;
    else onExpectation(kindOf(message, flags), this.#expectation, view.getUint32(at + 12, true));
  }

  #conntrack(view: DataView, at: number, length: number, message: number, flags: number): boolean {
    if (message !== CtMessage.new && message !== CtMessage.delete) return false;
    const end = at + length;
    const family = length >= MIN_BYTES ? view.getUint8(at + MESSAGE_HEADER_BYTES) : 0;
    if (!decodeConntrackEntry(view, at + MIN_BYTES, end, family, this.entry)) {
      this.malformed++;
      return false;
    }
    this.sequence = view.getUint32(at + 8, true);
    this.portId = view.getUint32(at + 12, true);
    this.kind = kindOf(message, flags);
    return true;
  }

  #control(view: DataView, at: number, length: number, type: number): void {
    if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return;
    if (type === NLMSG_ERROR && length < MESSAGE_HEADER_BYTES + 4) {
      this.malformed++;
      return;
    }
    const carriesErrno = length >= MESSAGE_HEADER_BYTES + 4;
    const errno = carriesErrno ? -view.getInt32(at + MESSAGE_HEADER_BYTES, true) : 0;
    this.#handlers.onControl?.(view.getUint32(at + 8, true), Math.max(errno, 0));
  }
}

function kindOf(message: number, flags: number): ConntrackKind {
  if (message === CtMessage.delete) return ConntrackKind.destroy;
  if ((flags & NLM_F_CREATE) !== 0) return ConntrackKind.new;
  return (flags & NLM_F_MULTI) !== 0 ? ConntrackKind.entry : ConntrackKind.update;
}
