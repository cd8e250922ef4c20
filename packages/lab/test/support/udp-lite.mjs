import { addressBytes } from './raw-socket.mjs';

const HEADER_BYTES = 8;
export const UDP_LITE = 136;

/** A packet of UDP-Lite (RFC 3828) whose checksum covers all of it, as the firewalls insist on a right one. */
export function udpLitePacket({ source, destination, from, to, payload }) {
  const packet = Buffer.alloc(HEADER_BYTES + payload.length);
  packet.writeUInt16BE(from, 0);
  packet.writeUInt16BE(to, 2);
  packet.set(payload, HEADER_BYTES);
  const pseudo = [...addressBytes(source), ...addressBytes(destination), 0, UDP_LITE];
  pseudo.push(packet.length >> 8, packet.length & 255);
  packet.writeUInt16BE(checksum([...pseudo, ...packet]) || 0xffff, 6);
  return packet;
}

/** The same packet back to whom it came from. Addresses and ports change places, so that the checksum stays right. */
export function udpLiteEcho(bytes) {
  const packet = Buffer.from(bytes);
  const [from, to] = [packet.readUInt16BE(0), packet.readUInt16BE(2)];
  packet.writeUInt16BE(to, 0);
  packet.writeUInt16BE(from, 2);
  return packet;
}

export function readUdpLite(bytes) {
  const packet = Buffer.from(bytes);
  const payload = packet.subarray(HEADER_BYTES);
  return { from: packet.readUInt16BE(0), to: packet.readUInt16BE(2), payload };
}

/** RFC 1071. */
function checksum(bytes) {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) sum += at % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
