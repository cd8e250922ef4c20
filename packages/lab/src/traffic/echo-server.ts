import { createServer } from 'node:net';

/** A process of host B: gives back what it is sent, on the port named in its arguments. */
const port = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
server.listen({ port, host: '::', backlog: 4096 }, () => process.stdout.write('listening\n'));
