// A server that speaks as much FTP (RFC 959) as an active transfer needs. `node ftp-server.mjs PORT`
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const DATA_PORT = 20;

/** Opens the data connection to where the client said, sends what was asked for, and closes it. */
function send(target, content, done) {
  const data = connect({ ...target, localPort: DATA_PORT });
  data.on('connect', () => data.end(content));
  data.on('close', (failed) => done(failed ? '425 no data connection' : '226 done'));
  data.on('error', () => undefined);
}

const server = createServer((control) => {
  const say = (line) => control.write(`${line}\r\n`);
  let target = null;
  control.on('error', () => control.destroy());
  createInterface(control).on('line', (line) => {
    const [verb, argument = ''] = line.trim().split(' ');
    if (verb === 'USER') say('230 logged in');
    else if (verb === 'PORT') {
      const [a, b, c, d, high, low] = argument.split(',').map(Number);
      target = { host: [a, b, c, d].join('.'), port: high * 256 + low };
      say(`200 ${target.host}:${target.port}`);
    } else if (verb === 'RETR' && target !== null) {
      say('150 opening');
      send(target, `content of ${argument}`, say);
    } else say('502 not known');
  });
  say('220 ready');
});
server.listen(Number(process.argv[2]), '0.0.0.0', () => console.log('listening'));
