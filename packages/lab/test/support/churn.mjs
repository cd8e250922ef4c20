// Makes flows in the kernel of its network namespace and takes them out again, as fast as its arguments say: flows a
// second, seconds, and how long one lives in milliseconds (0: until the end). Every second flow is translated. What lives
// at the end stays. `unreplied` as fourth argument
// makes flows that nobody answers, of TCP and UDP in turn. Prints one line of JSON: how many it made and how many of them it took out.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CommandBatch,
  ConntrackAttribute,
  ConntrackEntry,
  NETLINK_NETFILTER,
  NetlinkSocket,
} from '@raftwall/netlink';

const [perSecond, seconds, lifeMs] = process.argv.slice(2, 5).map(Number);
const isUnreplied = process.argv[5] === 'unreplied';
const tickMs = 20;
const batchFlows = 100;
const portsPerService = 60_000;
const seenReply = 2;
const assured = 4;

const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveBufferBytes: 1 << 22 });
const answer = new Uint8Array(new ArrayBuffer(1 << 16));
const batch = new CommandBatch();
const entry = new ConntrackEntry();
entry.family = 2;
entry.originalSource.set([10, 60, 0, 1]);
entry.originalDestination.set([192, 168, 1, 3]);
entry.replySource.set([192, 168, 1, 3]);
entry.status = isUnreplied ? 0 : seenReply | assured;
entry.tcpState = isUnreplied ? 1 : 3;
entry.timeoutSeconds = 3600;
const attributes =
  ConntrackAttribute.reply | ConntrackAttribute.status | ConntrackAttribute.timeout;
const tcp = { protocol: 6, attributes: attributes | ConntrackAttribute.tcp };
const udp = { protocol: 17, attributes };

function nameFlow(number) {
  const port = 1_024 + (number % portsPerService);
  const service = 20_000 + Math.floor(number / portsPerService);
  entry.originalL4 = ((port << 16) | service) >>> 0;
  entry.replyL4 = ((service << 16) | port) >>> 0;
  if (isUnreplied && number % 2 === 1) Object.assign(entry, udp);
  else Object.assign(entry, tcp);
  entry.replyDestination.set(number % 2 === 0 ? [10, 60, 0, 1] : [192, 168, 1, 100]);
}

function send(verb, from, to) {
  for (let start = from; start < to; start += batchFlows) {
    batch.reset();
    for (let number = start; number < Math.min(to, start + batchFlows); number += 1) {
      nameFlow(number);
      batch[verb](entry);
    }
    batch.acknowledgeLast();
    socket.send(batch.bytes, batch.length);
    while (socket.receive(answer, false) > 0);
  }
}

const startMs = performance.now();
let made = 0;
let ended = 0;
for (let elapsedMs = 0; elapsedMs < seconds * 1000; ) {
  elapsedMs = Math.min(performance.now() - startMs, seconds * 1000);
  const due = Math.floor((perSecond * elapsedMs) / 1000);
  send('create', made, due);
  made = due;
  const old = lifeMs === 0 ? 0 : Math.floor((perSecond * (elapsedMs - lifeMs)) / 1000);
  if (old > ended) {
    send('delete', ended, old);
    ended = old;
  }
  await sleep(tickMs);
}
process.stdout.write(`${JSON.stringify({ made, ended })}\n`);
socket.close();
