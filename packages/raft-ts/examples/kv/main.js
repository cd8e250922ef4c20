/**
 * One member of a replicated key-value store. Start three, in three terminals:
 *
 *     node main.js --id 1 --peers 1=localhost:7001,2=localhost:7002,3=localhost:7003 --data /tmp/kv1 --http 8001
 *
 * This page wires it up: a durable log, snapshots, a transport and a state machine make a Raft node, and HTTP stands in
 * front of it.
 */
import { join } from 'node:path';
import { FileSnapshotStore, RaftNode, SegmentLogStore, TcpTransport } from 'raft-ts';
import { parseArguments, usage } from './arguments.js';
import { createHttpApi } from './http-api.js';
import { KvStore } from './kv-store.js';

/** @import { Server } from 'node:http' */

const clusterId = 'kv-example';
/** How long answers may take on the way out before connections are cut, milliseconds. */
const farewellMs = 1000;

const options = readArguments();
const log = new SegmentLogStore({
  directory: join(options.data, 'log'),
  clusterId,
  segmentBytes: options.segmentBytes,
});
const snapshots = new FileSnapshotStore({ directory: join(options.data, 'snapshots'), clusterId });
const transport = new TcpTransport(
  {
    clusterId,
    id: options.id,
    listen: options.listen,
    advertise: options.advertise,
    insecure: true, // plain TCP: give `tls` wherever strangers can reach the port
    peersFile: join(options.data, 'peers.json'),
  },
  {
    incarnation: () => log.incarnation,
    onPeerRefused: (refusal) => console.error(refusal.message),
    onError: (error) => console.error(error.message),
  },
);
const store = new KvStore();
/** @type {Server | null} */
let server = null;

const node = await start();
node.on('leader', (leader, term) => console.log(`leader is ${leader ?? 'unknown'}, term ${term}`));
node.on('snapshotInstalled', ({ lastIndex }) => console.log(`took a snapshot of ${lastIndex}`));
node.on('snapshotFailed', (error) => console.error(error.message));
node.once('storageFailed', fail);
node.once('failed', fail);
process.once('SIGTERM', () => leave());
process.once('SIGINT', () => leave());
server = createHttpApi({ node, store });
server.once('error', fail);
server.listen(options.httpPort, () => {
  console.log(`member ${options.id} serves`, server?.address());
});

function readArguments() {
  try {
    return parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Damaged files, a directory that is in use, an address that is taken: the message says which. */
async function start() {
  const { id, members, snapshotEntries } = options;
  try {
    return await RaftNode.open(
      {
        id,
        members,
        proposalTimeoutMs: 3000,
        readTimeoutMs: 2000,
        snapshotEntriesMax: snapshotEntries,
        compactionTrailingEntries: Math.min(snapshotEntries, 4096),
      },
      { store: log, transport, stateMachine: store, snapshots },
    );
  } catch (error) {
    console.error(/** @type {Error} */ (error).message);
    process.exit(1);
  }
}

/** Leaves in order: leadership goes to another member first, so that nobody waits for an election. */
async function leave() {
  const { role, members } = node.status();
  const successor = members.find(({ id, reachable }) => id !== options.id && reachable);
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
  server?.close();
  await node.close().catch((error) => console.error(error));
  server?.closeIdleConnections();
  setTimeout(() => server?.closeAllConnections(), farewellMs).unref();
}
