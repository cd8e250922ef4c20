/**
 * Wires a member up: a durable log, snapshots, a transport and a state machine make a Raft node, and HTTP stands in front
 * of it.
 */
import { join } from 'node:path';
import { FileSnapshotStore, RaftNode, SegmentLogStore, TcpTransport } from 'raft-ts';
import { createHttpApi } from './http-api.js';
import { KvStore } from './kv-store.js';

/**
 * @import { Arguments } from './arguments.js'
 * @import { Server } from 'node:http'
 * @import { Outcome } from './kv-store.js'
 */

const clusterId = 'kv-example';
/** How long answers may take on the way out before connections are cut, milliseconds. */
const farewellMs = 1000;

/**
 * Starts the member and serves clients; ends the process with code 1 when it cannot, after a line that says why.
 *
 * @param {Arguments} options
 * @returns {Promise<() => Promise<void>>} Makes it leave in order.
 */
export async function runMember(options) {
  const store = new KvStore();
  const node = await openNode(options, store);
  const server = createHttpApi({ node, store });
  /** @param {Error} error */
  const fail = (error) => {
    // A member whose log or state machine has failed is down for good (duty 6).
    console.error(error.message);
    process.exitCode = 1;
    void close(node, server);
  };
  node.on('leader', (id, term) => console.log(`leader is ${id ?? 'unknown'}, term ${term}`));
  node.on('snapshotInstalled', ({ lastIndex }) => console.log(`took a snapshot of ${lastIndex}`));
  node.on('snapshotFailed', (error) => console.error(error.message));
  node.once('storageFailed', fail);
  node.once('failed', fail);
  server.once('error', fail);
  server.listen(options.httpPort, () => {
    console.log(`member ${options.id} serves`, server.address());
  });
  return () => leave(node, server);
}

/**
 * Damaged files, a directory that is in use, an address that is taken: the message says which.
 *
 * @param {Arguments} options
 * @param {KvStore} store
 */
async function openNode({ id, members, snapshotEntries, ...options }, store) {
  const directory = join(options.data, 'log');
  try {
    const log = new SegmentLogStore({ directory, clusterId, segmentBytes: options.segmentBytes });
    const transport = new TcpTransport(
      {
        clusterId,
        id,
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
    const snapshots = new FileSnapshotStore({
      directory: join(options.data, 'snapshots'),
      clusterId,
    });
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

/**
 * Leaves in order: leadership goes to another member first, so that nobody waits for an election.
 *
 * @param {RaftNode<Outcome | null>} node
 * @param {Server} server
 */
async function leave(node, server) {
  const { role, members } = node.status();
  const successor = members.find(({ id, reachable }) => id !== node.id && reachable);
  if (role === 'leader' && successor !== undefined) {
    await node.transferLeadership(successor.id).catch((error) => console.error(error.message));
  }
  await close(node, server);
}

/**
 * What still waits for an outcome is answered with `unknown`; the process ends with its last connection.
 *
 * @param {RaftNode<Outcome | null>} node
 * @param {Server} server
 */
async function close(node, server) {
  server.close();
  await node.close().catch((error) => console.error(error.message));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), farewellMs).unref();
}
