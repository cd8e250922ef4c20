import type { Buffer } from 'node:buffer';

const high = 2 ** 32;

/** Writes a safe integer as 8 bytes, little endian. */
export function writeUint64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32LE(value % high, offset);
  target.writeUInt32LE(Math.floor(value / high), offset + 4);
}

/** Reads 8 bytes, little endian; NaN when the value is not a safe integer. */
export function readUint64(source: Buffer, offset: number): number {
  const value = source.readUInt32LE(offset + 4) * high + source.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
