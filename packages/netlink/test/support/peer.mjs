// One end of a test's traffic: `node peer.mjs ROLE ...`; servers print a line when they listen, clients a row an answer.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [role, ...words] = process.argv.slice(2);

/** Says who asked, as the server saw it. */
const seen = (address, port) => JSON.stringify({ address, port });

const roles = {
  /** udp-serve udp4|udp6 PORT */
  'udp-serve'(family, port) {
    const socket = createSocket(family);
    socket.on('message', (_, from) =>
      socket.send(seen(from.address, from.port), from.port, from.address),
    );
    socket.bind(Number(port), () => console.log('ready'));
  },
  /** udp-ask udp4|udp6 LOCAL-PORT HOST PORT [COUNT] */
  'udp-ask'(family, localPort, host, port, count = '1') {
    const socket = createSocket(family);
    let left = Number(count);
    const send = () => socket.send('?', Number(port), host);
    socket.on('message', (answer) => {
      console.log(String(answer));
      if (--left > 0) send();
      else socket.close();
    });
    // The deadline for an answer that never comes: the test then sees that nothing was printed.
    setTimeout(() => process.exit(0), 2000).unref();
    socket.bind(Number(localPort), send);
  },
  /** tcp-serve HOST PORT */
  'tcp-serve'(host, port) {
    const server = createServer((socket) => {
      socket.on('data', () => socket.write(`${seen(socket.remoteAddress, socket.remotePort)}\n`));
      socket.on('end', () => socket.end());
    });
    server.listen(Number(port), host, () => console.log('ready'));
  },
  /** tcp-ask LOCAL-PORT HOST PORT */
  'tcp-ask'(localPort, host, port) {
    const socket = connect({ host, port: Number(port), localPort: Number(localPort) }, () =>
      socket.write('?'),
    );
    socket.on('data', (answer) => {
      process.stdout.write(answer);
      socket.end();
    });
    socket.setTimeout(2000, () => socket.destroy());
  },
  /** tcp-hold LOCAL-PORT HOST PORT: asks once, waits for a line on stdin, asks again. */
  'tcp-hold'(localPort, host, port) {
    const socket = connect({ host, port: Number(port), localPort: Number(localPort) }, () =>
      socket.write('?'),
    );
    socket.on('data', (answer) => process.stdout.write(answer));
    process.stdin.on('data', () => socket.write('?'));
    process.stdin.on('end', () => socket.destroy());
  },
};

roles[role](...words);
