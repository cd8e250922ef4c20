/** Datagrams of netlink messages, one after the other, all in the same memory. */
export interface DatagramSource {
  readonly view: DataView;
  /** Where the current datagram begins. */
  readonly offset: number;
  /** Byte behind its last one. */
  readonly end: number;
  /** Makes the next datagram the current one; false when there is none left. */
  nextDatagram(): boolean;
}

/** One datagram that lies in plain bytes. */
export class SingleDatagram implements DatagramSource {
  view: DataView = new DataView(new ArrayBuffer(0));
  readonly offset = 0;
  end = 0;
  #pending = false;

  /** @returns This source, now with these bytes before it. */
  of(bytes: Uint8Array, length: number = bytes.length): this {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, length);
    this.end = length;
    this.#pending = true;
    return this;
  }

  nextDatagram(): boolean {
    const pending = this.#pending;
    this.#pending = false;
    return pending;
  }
}
