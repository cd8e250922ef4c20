import { spawn } from 'node:child_process';
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventFilter, NETLINK_NETFILTER, NetlinkSocket } from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDumpRequest } from '../../src/dump-request.ts';
import { MessageWriter } from '../../src/message-writer.ts';
import { writeHexFile } from '../support/hex-file.ts';
import { KernelClient } from '../support/kernel-client.ts';
import { type TestNamespace, TestRouter } from '../support/namespace.ts';
import { ping } from '../support/ping.ts';

const capturing = process.env['RAFTWALL_CAPTURE_FIXTURES'] === '1';
let net: TestRouter;

beforeAll(async () => {
  if (!capturing) return;
  net = new TestRouter();
  net.router.track();
  await Promise.all([
    net.server.serve('udp-serve', 'udp4', '7000'),
    net.server.serve('udp-serve', 'udp6', '7006'),
    net.server.serve('tcp-serve', '0.0.0.0', '7001'),
    net.server.serve('tcp-serve', '::', '7002'),
  ]);
});

afterAll(() => net?.dispose());

/** Everything that the kernel has queued at a socket. */
function receiveAll(socket: NetlinkSocket): Uint8Array[] {
  const bytes = new Uint8Array(new ArrayBuffer(32 * 1024));
  const datagrams: Uint8Array[] = [];
  for (;;) {
    const length = socket.receive(bytes, false);
    if (length === 0) return datagrams;
    datagrams.push(bytes.slice(0, length));
  }
}

/** Ends the flows of a protocol, so that their destroy events are there. */
async function deleteAll(protocol: number): Promise<number> {
  const kernel = new KernelClient(net.router.path);
  const entries = (await kernel.dump()).filter((entry) => entry.protocol === protocol);
  await kernel.run((batch) => {
    for (const entry of entries) batch.delete(entry);
  });
  await kernel.stop();
  return entries.length;
}

const scenarios = [
  ['udp4-events', 17, 'client', 'udp-ask udp4 4000 10.2.0.2 7000'],
  ['udp6-events', 17, 'client', 'udp-ask udp6 4000 fd02::2 7006'],
  ['tcp4-events', 6, 'client', 'tcp-ask 4001 10.2.0.2 7001'],
  ['tcp6-events', 6, 'client', 'tcp-ask 4002 fd02::2 7002'],
  ['icmp4-events', 1, 'ping', 'ping 10.2.0.2 with id 4321'],
  ['icmp6-events', 58, 'ping', 'ping fd02::2 with id 4321'],
] as const;

const rawScenarios = [
  ['sctp4-events', 132, 'sctp'],
  ['gre4-events', 47, 'gre'],
  ['unknown4-events', 253, 'other'],
] as const;

/** The scripts of the lab send what there are no sockets for. */
function script(host: TestNamespace, name: string, args: readonly string[]) {
  const file = fileURLToPath(new URL(`../../../lab/test/support/${name}.mjs`, import.meta.url));
  const child = spawn('ip', ['netns', 'exec', host.name, process.execPath, file, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => String((await lines.next()).value) };
}

/** Sends packets of that kind until they are answered. */
async function exchange(kind: string): Promise<void> {
  const ends = { source: '10.1.0.2', destination: '10.2.0.2', localPort: 4007, port: 7100 };
  const server = script(net.server, 'protocol-server', ['7100']);
  await server.line();
  const client = script(net.client, 'protocol-client', [JSON.stringify([{ kind, ...ends }])]);
  for (let echoed = 0; echoed === 0; ) {
    client.child.stdin!.write('report\n');
    echoed = JSON.parse(await client.line())[0].echoed;
  }
  for (const { child } of [client, server]) child.kill('SIGKILL');
}

const nothing = { ignorePortIds: [], protocols: [], ignorePrefixes: [], zones: [] };

describe.runIf(capturing)(
  'captures from this kernel (only with RAFTWALL_CAPTURE_FIXTURES=1: makes the golden bytes again)',
  () => {
    it.each(scenarios)('%s', async (name, protocol, how, words) => {
      net.router.run('conntrack -F');
      const socket = new NetlinkSocket({
        protocol: NETLINK_NETFILTER,
        namespace: net.router.path,
        filter: eventFilter({ ...nothing, protocols: [protocol] }),
        groups: [1, 2, 3],
      });
      if (how === 'ping') expect(ping(net.client.path, words.split(' ')[1]!, 4321)).toBe(true);
      else await net.client.ask(...words.split(' '));
      expect(await deleteAll(protocol)).toBeGreaterThan(0);
      const datagrams = receiveAll(socket);
      socket.close();
      writeHexFile(name, `kernel ${release()}: ${words}; then the flow was deleted`, datagrams);
    });

    it.each(rawScenarios)('%s', async (name, protocol, kind) => {
      net.router.run('conntrack -F');
      const socket = new NetlinkSocket({
        protocol: NETLINK_NETFILTER,
        namespace: net.router.path,
        filter: eventFilter({ ...nothing, protocols: [protocol] }),
        groups: [1, 2, 3],
      });
      await exchange(kind);
      expect(await deleteAll(protocol)).toBeGreaterThan(0);
      const datagrams = receiveAll(socket);
      socket.close();
      const comment = `${kind} from 10.1.0.2 to 10.2.0.2 by raw packets, ports 4007 and 7100`;
      writeHexFile(name, `kernel ${release()}: ${comment}; then the flow was deleted`, datagrams);
    });

    it('ftp4-expectations', async () => {
      net.router.run('conntrack -F');
      net.router.run('iptables -w -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp');
      const server = script(net.server, 'ftp-server', ['21']);
      await server.line();
      const client = script(net.client, 'ftp-client', ['10.2.0.2', '21', '10.1.0.2']);
      await client.line();
      const groups = [4, 6];
      const place = { namespace: net.router.path, groups };
      const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ...place });
      for (const command of ['port 30001', 'get file']) {
        client.child.stdin!.write(`${command}\n`);
        await client.line();
      }
      const datagrams = receiveAll(socket);
      socket.close();
      for (const { child } of [client, server]) child.kill('SIGKILL');
      const comment = 'expectation of an active FTP transfer to 10.1.0.2:30001, made and used';
      writeHexFile('ftp4-expectations', `kernel ${release()}: ${comment}`, datagrams);
    });

    it('nat-mark-zone-dump', async () => {
      net.router.nft(`table ip raw {
      chain pre {
        type filter hook prerouting priority -300
        ct zone set 7
      }
    }
    table ip nat {
      chain post {
        type nat hook postrouting priority 100
        oifname "out" udp dport 7000 snat to 10.2.0.77:5555
      }
      chain pre {
        type nat hook prerouting priority -100
        ip daddr 203.0.113.5 udp dport 53 dnat to 10.2.0.2:7000
      }
    }
    table ip mangle {
      chain forward {
        type filter hook forward priority -150
        ct mark set 0xcafe
      }
    }`);
      net.router.run('ip addr add 10.2.0.77/24 dev out');
      net.router.run('conntrack -F');
      await net.client.ask('udp-ask', 'udp4', '4003', '203.0.113.5', '53');
      const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, namespace: net.router.path });
      const writer = new MessageWriter(0);
      writeDumpRequest(writer, 42, { zone: 7 });
      socket.send(writer.bytes, writer.length);
      const datagrams = receiveAll(socket);
      socket.close();
      const comment = 'dump of zone 7 (sequence 42): UDP with SNAT, DNAT, mark 0xcafe in zone 7';
      writeHexFile('nat-mark-zone-dump', `kernel ${release()}: ${comment}`, datagrams);
    });
  },
);
