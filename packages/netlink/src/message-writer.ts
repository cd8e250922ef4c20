import { nativeBytes } from './libc.ts';
import { MESSAGE_HEADER_BYTES, NLA_F_NESTED, NLM_F_ACK } from './netlink-protocol.ts';

/** No message of this package is longer: an IPv6 flow with every attribute there is takes about 650 bytes. */
export const MESSAGE_BYTES_MAX = 1024;

/** Writes netlink messages one behind the other into one buffer that grows and is used again. */
export class MessageWriter {
  /** The first `length` bytes are valid. Replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  #view: DataView;
  #message = 0;

  constructor(capacityBytes: number = 64 * 1024) {
    this.bytes = nativeBytes(Math.max(capacityBytes, MESSAGE_BYTES_MAX));
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Forgets every message; the buffer stays. */
  clear(): void {
    this.length = 0;
  }

  /** Starts a message; `u8`, `u16` and `attribute...` fill it until `end`. */
  begin(type: number, flags: number, sequence: number): void {
    if (this.length + MESSAGE_BYTES_MAX > this.bytes.length) this.#grow();
    this.#message = this.length;
    const view = this.#view;
    const at = this.length;
    view.setUint32(at, 0, true);
    view.setUint16(at + 4, type, true);
    view.setUint16(at + 6, flags, true);
    view.setUint32(at + 8, sequence, true);
    view.setUint32(at + 12, 0, true);
    this.length = at + MESSAGE_HEADER_BYTES;
  }

  end(): void {
    this.#view.setUint32(this.#message, this.length - this.#message, true);
  }

  /** Asks for an acknowledgement of the last message. */
  acknowledgeLast(): void {
    const at = this.#message + 6;
    this.#view.setUint16(at, this.#view.getUint16(at, true) | NLM_F_ACK, true);
  }

  /** Raw bytes of a family header; the caller keeps to the four-byte alignment. */
  u8(value: number): void {
    this.#view.setUint8(this.length++, value);
  }

  attributeU8(type: number, value: number): void {
    this.#header(type, 5);
    this.#view.setUint32(this.length, value & 0xff, true);
    this.length += 4;
  }

  /** Two bytes in an attribute of their own order, as TCP's flags and mask. */
  attributePair(type: number, first: number, second: number): void {
    this.#header(type, 6);
    this.#view.setUint32(this.length, (first & 0xff) | ((second & 0xff) << 8), true);
    this.length += 4;
  }

  /** Network byte order. */
  attributeU16(type: number, value: number): void {
    this.#header(type, 6);
    this.#view.setUint16(this.length, value);
    this.#view.setUint16(this.length + 2, 0);
    this.length += 4;
  }

  /** Network byte order. */
  attributeU32(type: number, value: number): void {
    this.#header(type, 8);
    this.#view.setUint32(this.length, value);
    this.length += 4;
  }

  /** Network byte order, as two words. */
  attributeU64(type: number, high: number, low: number): void {
    this.#header(type, 12);
    this.#view.setUint32(this.length, high);
    this.#view.setUint32(this.length + 4, low);
    this.length += 8;
  }

  /** The first `count` of the bytes. */
  attributeBytes(type: number, bytes: Uint8Array, count: number): void {
    this.#header(type, 4 + count);
    for (let index = 0; index < count; index++) {
      this.bytes[this.length + index] = bytes[index] ?? 0;
    }
    this.#pad(count);
  }

  /** ASCII with its closing zero. */
  attributeText(type: number, text: string): void {
    this.#header(type, 5 + text.length);
    for (let index = 0; index < text.length; index++) {
      this.bytes[this.length + index] = text.charCodeAt(index);
    }
    this.bytes[this.length + text.length] = 0;
    this.#pad(text.length + 1);
  }

  /** Opens a nested attribute; pass what it returns to `closeNest`. */
  openNest(type: number): number {
    const at = this.length;
    this.#header(type | NLA_F_NESTED, 4);
    return at;
  }

  closeNest(at: number): void {
    this.#view.setUint16(at, this.length - at, true);
  }

  #header(type: number, length: number): void {
    this.#view.setUint16(this.length, length, true);
    this.#view.setUint16(this.length + 2, type, true);
    this.length += 4;
  }

  #pad(count: number): void {
    const padded = (count + 3) & ~3;
    for (let index = count; index < padded; index++) this.bytes[this.length + index] = 0;
    this.length += padded;
  }

  #grow(): void {
    const bytes = nativeBytes(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
