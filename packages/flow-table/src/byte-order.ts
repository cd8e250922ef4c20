/** Reads an unsigned 16-bit number in network order. */
export function readUint16(buffer: Uint8Array, offset: number): number {
  return (buffer[offset]! << 8) | buffer[offset + 1]!;
}

/** Reads an unsigned 32-bit number in network order. */
export function readUint32(buffer: Uint8Array, offset: number): number {
  return (
    ((buffer[offset]! << 24) |
      (buffer[offset + 1]! << 16) |
      (buffer[offset + 2]! << 8) |
      buffer[offset + 3]!) >>>
    0
  );
}

/** Reads an unsigned 48-bit number in network order. */
export function readUint48(buffer: Uint8Array, offset: number): number {
  return readUint16(buffer, offset) * 0x1_0000_0000 + readUint32(buffer, offset + 2);
}

/** Writes the low 16 bits of a number in network order; returns the offset behind them. */
export function writeUint16(buffer: Uint8Array, offset: number, value: number): number {
  buffer[offset] = value >>> 8;
  buffer[offset + 1] = value;
  return offset + 2;
}

/** Writes the low 32 bits of a number in network order; returns the offset behind them. */
export function writeUint32(buffer: Uint8Array, offset: number, value: number): number {
  buffer[offset] = value >>> 24;
  buffer[offset + 1] = value >>> 16;
  buffer[offset + 2] = value >>> 8;
  buffer[offset + 3] = value;
  return offset + 4;
}

/** Writes a number from 0 to 2^48 - 1 in network order; returns the offset behind it. */
export function writeUint48(buffer: Uint8Array, offset: number, value: number): number {
  writeUint16(buffer, offset, Math.floor(value / 0x1_0000_0000));
  return writeUint32(buffer, offset + 2, value >>> 0);
}

/** Copies `length` bytes; a loop, since `set` with a view costs an object and addresses are 4 or 16 bytes. */
export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): number {
  for (let index = 0; index < length; index += 1) to[toOffset + index] = from[fromOffset + index]!;
  return toOffset + length;
}

/** Reads whole 32-bit words of a run of bytes in network order; returns how many, the last one to three bytes are left. */
export function bytesToWords(
  buffer: Uint8Array,
  offset: number,
  length: number,
  words: Uint32Array,
): number {
  const whole = length >>> 2;
  for (let word = 0; word < whole; word += 1) words[word] = readUint32(buffer, offset + 4 * word);
  return whole;
}

/** The last `length % 4` bytes of a run as the top of a 24-bit number, and how many they are in bits 24 and 25. */
export function tailOfBytes(buffer: Uint8Array, offset: number, length: number): number {
  let tail = (length & 3) << 24;
  for (let at = length & ~3, shift = 16; at < length; at += 1, shift -= 8) {
    tail |= buffer[offset + at]! << shift;
  }
  return tail;
}
