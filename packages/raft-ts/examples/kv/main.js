/**
 * One member of a replicated key-value store. Start three, in three terminals:
 *
 *     node main.js --id 1 --peers 1=localhost:7001,2=localhost:7002,3=localhost:7003 --data /tmp/kv1 --http 8001
 *
 * This page wires it up: a durable log, a transport and a state machine make a Raft node, and HTTP stands in front of it.
 */
import { join } from 'node:path';
import { RaftNode, SegmentLogStore, TcpTransport } from 'raft-ts';
import { parseArguments, usage } from './arguments.js';
import { createHttpApi } from './http-api.js';
import { KvStore } from './kv-store.js';

const clusterId = 'kv-example';
/** How long answers may take on the way out before connections are cut, milliseconds. */
const farewellMs = 1000;

const { id, members, listen, data, httpPort } = readArguments();
const log = new SegmentLogStore({
  directory: join(data, 'log'),
  clusterId,
  segmentBytes: 8 * 1024 * 1024,
});
const transport = new TcpTransport(
  {
    clusterId,
    id,
    listen,
    advertise: /** @type {string} */ (members[id]),
    insecure: true, // plain TCP: give `tls` wherever strangers can reach the port
    peersFile: join(data, 'peers.json'),
  },
  {
    incarnation: () => log.incarnation,
    onPeerRefused: (refusal) => console.error(refusal.message),
    onError: (error) => console.error(error.message),
  },
);
const store = new KvStore();
const node = await RaftNode.open(
  { id, members, proposalTimeoutMs: 3000, readTimeoutMs: 2000 },
  { store: log, transport, stateMachine: store },
);
const server = createHttpApi({ node, store });

node.on('leader', (leader, term) => console.log(`leader is ${leader ?? 'unknown'}, term ${term}`));
node.once('storageFailed', fail);
node.once('failed', fail);
process.once('SIGTERM', () => leave());
process.once('SIGINT', () => leave());
server.listen(httpPort, () => console.log(`member ${id} serves`, server.address()));

function readArguments() {
  try {
    return parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Leaves in order: leadership goes to another member first, so that nobody waits for an election. */
async function leave() {
  const { role, members: known } = node.status();
  const successor = known.find((member) => member.id !== id && member.reachable);
  if (role === 'leader' && successor !== undefined) {
    await node.transferLeadership(successor.id).catch((error) => console.error(error.message));
  }
  await close();
}

/**
 * A member whose log or state machine has failed is down for good (duty 6).
 *
 * @param {Error} error
 */
async function fail(error) {
  console.error(error);
  process.exitCode = 1;
  await close();
}

/** What still waits for an outcome is answered with `unknown`; the process ends with its last connection. */
async function close() {
  server.close();
  await node.close().catch((error) => console.error(error));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), farewellMs).unref();
}
