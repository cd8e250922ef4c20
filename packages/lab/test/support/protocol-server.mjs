// Host B of the protocol matrix: gives back what it is sent, over every protocol. `node protocol-server.mjs PORT`
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { RawSocket } from './raw-socket.mjs';
import {
  Chunk,
  CLIENT_TAG,
  cookieParameter,
  dataBody,
  initBody,
  readSctp,
  SERVER_TAG,
  sctpPacket,
} from './sctp.mjs';
import { readUdpLite, UDP_LITE, udpLiteEcho } from './udp-lite.mjs';

const [port] = process.argv.slice(2);
const PORTLESS = [47, 253];
const SCTP = 132;

function answerSctp(raw, bytes, from) {
  const packet = readSctp(bytes);
  if (packet.to !== Number(port)) return;
  const reply = (tag, chunk, body) =>
    raw.send(from, sctpPacket({ from: packet.to, to: packet.from, tag, chunk, body }));
  if (packet.chunk === Chunk.init) {
    reply(CLIENT_TAG, Chunk.initAck, initBody(SERVER_TAG, cookieParameter));
  } else if (packet.tag !== SERVER_TAG) {
    return;
  } else if (packet.chunk === Chunk.cookieEcho) {
    reply(CLIENT_TAG, Chunk.cookieAck);
  } else if (packet.chunk === Chunk.data) {
    raw.send(
      from,
      sctpPacket({
        ...{ from: packet.to, to: packet.from, tag: CLIENT_TAG },
        ...{ chunk: Chunk.data, flags: 3, body: dataBody(1, packet.payload) },
      }),
    );
  }
}

for (const local of ['0.0.0.0', '::']) {
  for (const protocol of PORTLESS) {
    const raw = new RawSocket(local, protocol, (bytes, from, tos) => raw.send(from, bytes, tos));
  }
  const lite = new RawSocket(local, UDP_LITE, (bytes, from) => {
    if (readUdpLite(bytes).to === Number(port)) lite.send(from, udpLiteEcho(bytes));
  });
  const sctp = new RawSocket(local, SCTP, (bytes, from) => answerSctp(sctp, bytes, from));
}
const udp = createSocket('udp6');
udp.on('message', (bytes, { address, port: to }) => udp.send(bytes, to, address));
const tcp = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
udp.bind(Number(port), () => tcp.listen(Number(port), '::', () => console.log('listening')));
