/** Just enough of SCTP (RFC 9260) for an association that carries numbers: the four-way handshake, DATA and SACK. */
export const Chunk = { data: 0, init: 1, initAck: 2, sack: 3, cookieEcho: 10, cookieAck: 11 };

/** The tags that the two ends choose; known to both, so that the server needs no memory. */
export const CLIENT_TAG = 0x0c11e417;
export const SERVER_TAG = 0x05e14e01;

const HEADER_BYTES = 12;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function crc32c(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = crcTable[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** A packet with one chunk; `body` is what lies behind the chunk's header. */
export function sctpPacket({ from, to, tag, chunk, flags = 0, body = [] }) {
  const padded = (body.length + 3) & ~3;
  const bytes = new Uint8Array(HEADER_BYTES + 4 + padded);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, from);
  view.setUint16(2, to);
  view.setUint32(4, tag);
  view.setUint8(12, chunk);
  view.setUint8(13, flags);
  view.setUint16(14, 4 + body.length);
  bytes.set(body, 16);
  view.setUint32(8, crc32c(bytes), true);
  return bytes;
}

/** INIT and INIT ACK: the tag that the other end has to use, window, streams, first sequence. */
export function initBody(tag, cookie = []) {
  const bytes = new Uint8Array(16 + cookie.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, tag);
  view.setUint32(4, 65_536);
  view.setUint16(8, 1);
  view.setUint16(10, 1);
  view.setUint32(12, 1);
  bytes.set(cookie, 16);
  return bytes;
}

/** State cookie parameter of INIT ACK. */
export const cookieParameter = Uint8Array.of(0, 7, 0, 8, 1, 2, 3, 4);
export const cookie = Uint8Array.of(1, 2, 3, 4);

/** DATA: a whole message of stream 0. */
export function dataBody(sequence, payload) {
  const bytes = new Uint8Array(12 + payload.length);
  new DataView(bytes.buffer).setUint32(0, sequence);
  bytes.set(payload, 12);
  return bytes;
}

export function readSctp(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(14);
  return {
    from: view.getUint16(0),
    to: view.getUint16(2),
    tag: view.getUint32(4),
    chunk: view.getUint8(12),
    payload: bytes.subarray(28, HEADER_BYTES + length),
    body: bytes.subarray(16, HEADER_BYTES + length),
  };
}
