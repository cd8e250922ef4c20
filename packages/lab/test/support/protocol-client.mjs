// Host A of the protocol matrix: one live flow for each entry of the JSON list in its argument. A line on its standard
// input makes it answer with one line of JSON: what each flow has sent and got back so far.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { RawSocket, sameHost } from './raw-socket.mjs';
import {
  Chunk,
  CLIENT_TAG,
  cookie,
  dataBody,
  initBody,
  readSctp,
  SERVER_TAG,
  sctpPacket,
} from './sctp.mjs';
import { readUdpLite, UDP_LITE, udpLitePacket } from './udp-lite.mjs';

const INTERVAL_MS = 100;
const number = (bytes) => Number(Buffer.from(bytes).toString('latin1'));
const text = (sequence) => Buffer.from(String(sequence));

/** Each opens a flow, hands what comes back to `echo`, and returns how to send a number. */
const kinds = {
  udp({ source, destination, port, localPort }, echo) {
    const socket = createSocket(source.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (bytes) => echo(number(bytes)));
    socket.on('error', () => undefined);
    socket.bind(localPort, source);
    return (sequence) => socket.send(text(sequence), port, destination, () => undefined);
  },
  tcp({ source, destination, port, localPort }, echo) {
    const socket = connect({ host: destination, port, localAddress: source, localPort });
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      for (const line of String(bytes).split('\n')) if (line !== '') echo(Number(line));
    });
    socket.on('error', () => undefined);
    return (sequence) => socket.write(`${sequence}\n`);
  },
  icmp({ source, destination, localPort }, echo) {
    const ipv4 = !source.includes(':');
    const raw = new RawSocket(source, ipv4 ? 1 : 58, (bytes, from) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const isAnswer = view.getUint8(0) === (ipv4 ? 0 : 129) && view.getUint16(4) === localPort;
      if (isAnswer && sameHost(from, destination)) echo(view.getUint16(6));
    });
    return (sequence) => raw.send(destination, echoRequest(ipv4, localPort, sequence));
  },
  udplite({ source, destination, port, localPort }, echo) {
    const raw = new RawSocket(source, UDP_LITE, (bytes, from) => {
      const packet = readUdpLite(bytes);
      if (packet.to === localPort && sameHost(from, destination)) echo(number(packet.payload));
    });
    const ends = { source, destination, from: localPort, to: port };
    return (sequence) => raw.send(destination, udpLitePacket({ ...ends, payload: text(sequence) }));
  },
  gre({ source, destination }, echo) {
    const raw = new RawSocket(source, 47, (bytes, from) => {
      if (sameHost(from, destination)) echo(number(bytes.subarray(4)));
    });
    // Translation wants eight bytes at least of a GRE packet, more than a small number has.
    return (sequence) =>
      raw.send(destination, Buffer.from(`\0\0\x08\0${String(sequence).padStart(8)}`, 'latin1'));
  },
  other({ source, destination, tos = 0 }, echo) {
    const raw = new RawSocket(source, 253, (bytes, from, seenTos) => {
      if (sameHost(from, destination) && seenTos === tos) echo(number(bytes));
    });
    return (sequence) => raw.send(destination, text(sequence), tos);
  },
  /** UDP with a type of service. The answers of two flows with the same ports are told apart by what they bring back. */
  markedUdp({ source, destination, port, localPort, tos }, echo) {
    const raw = new RawSocket(source, 17, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const [sequence, mark] = Buffer.from(bytes.subarray(8)).toString('latin1').split('@');
      const isAnswer = view.getUint16(0) === port && view.getUint16(2) === localPort;
      if (isAnswer && Number(mark) === tos) echo(Number(sequence));
    });
    return (sequence) => {
      const payload = Buffer.from(`${sequence}@${tos}`);
      const header = Buffer.alloc(8);
      header.writeUInt16BE(localPort, 0);
      header.writeUInt16BE(port, 2);
      header.writeUInt16BE(8 + payload.length, 4);
      raw.send(destination, Buffer.concat([header, payload]), tos);
    };
  },
  sctp({ source, destination, port, localPort }, echo) {
    let associated = false;
    const send = (tag, chunk, body, flags = 0) =>
      raw.send(destination, sctpPacket({ from: localPort, to: port, tag, chunk, flags, body }));
    const raw = new RawSocket(source, 132, (bytes, from) => {
      const packet = readSctp(bytes);
      if (packet.to !== localPort || packet.tag !== CLIENT_TAG || !sameHost(from, destination))
        return;
      if (packet.chunk === Chunk.initAck) send(SERVER_TAG, Chunk.cookieEcho, cookie);
      else if (packet.chunk === Chunk.cookieAck) associated = true;
      else if (packet.chunk === Chunk.data) echo(number(packet.payload));
    });
    return (sequence) => {
      if (associated) send(SERVER_TAG, Chunk.data, dataBody(sequence, text(sequence)), 3);
      else send(0, Chunk.init, initBody(CLIENT_TAG));
    };
  },
};

function echoRequest(ipv4, id, sequence) {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ipv4 ? 8 : 128);
  view.setUint16(4, id);
  view.setUint16(6, sequence);
  // The kernel fills in ICMPv6 checksums only.
  const sum = view.getUint16(0) + id + sequence;
  if (ipv4) view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)));
  return bytes;
}

const flows = JSON.parse(process.argv[2]).map((options) => {
  const flow = { label: options.label, sent: 0, echoed: 0 };
  const send = kinds[options.kind](options, (sequence) => {
    flow.echoed = Math.max(flow.echoed, sequence);
  });
  return { flow, send };
});
setInterval(() => {
  for (const { flow, send } of flows) {
    flow.sent += 1;
    send(flow.sent);
  }
}, INTERVAL_MS);

for await (const _ of createInterface(process.stdin)) {
  console.log(JSON.stringify(flows.map(({ flow }) => flow)));
}
process.exit(0);
