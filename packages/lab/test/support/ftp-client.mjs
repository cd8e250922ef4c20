// A client with one FTP session, active mode. `node ftp-client.mjs HOST PORT OWN-ADDRESS`; each line on its standard input is
// a command, answered by one line of JSON: `port N` announces a port and listens there, `get NAME` has NAME sent to it.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, own] = process.argv.slice(2);
const ANSWER_MS = 15_000;

const control = connect({ host, port: Number(port), localAddress: own });
const answers = createInterface(control)[Symbol.asyncIterator]();
const answer = async () => (await answers.next()).value ?? 'the session has ended';
const ask = (line) => {
  control.write(`${line}\r\n`);
  return answer();
};
control.on('error', () => undefined);

let listener = null;

const commands = {
  async port(number) {
    listener?.close();
    listener = createServer();
    listener.listen(Number(number), own);
    await once(listener, 'listening');
    const words = [...own.split('.'), Number(number) >> 8, Number(number) & 255];
    return { said: await ask(`PORT ${words.join(',')}`) };
  },
  async get(name) {
    const connection = once(listener, 'connection', { signal: AbortSignal.timeout(ANSWER_MS) });
    const content = connection.then(async ([data]) => {
      let text = '';
      for await (const piece of data) text += piece;
      return text;
    });
    const said = await ask(`RETR ${name}`);
    const received = await content.catch((error) => `nothing: ${error.name}`);
    return { said, received, finally: received.startsWith('nothing') ? '' : await answer() };
  },
};

await answer();
console.log(JSON.stringify({ said: await ask('USER lab') }));
for await (const line of createInterface(process.stdin)) {
  const [name, argument] = line.split(' ');
  console.log(JSON.stringify(await commands[name](argument)));
}
process.exit(0);
