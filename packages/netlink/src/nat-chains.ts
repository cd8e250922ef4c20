import { readFileSync } from 'node:fs';
import { NetlinkError } from './errors.ts';
import { MessageWriter } from './message-writer.ts';
import { withNamespace } from './namespace.ts';
import {
  AF_INET,
  AF_INET6,
  MESSAGE_HEADER_BYTES,
  NETLINK_NETFILTER,
  NFGEN_HEADER_BYTES,
  NLA_TYPE_MASK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';

// linux/netfilter/nfnetlink.h, nf_tables.h.
const SUBSYSTEM_NFTABLES = 10;
const NFT_MSG_GETCHAIN = 4;
const NFTA_CHAIN_TYPE = 7;
const NFPROTO_INET = 1;
const RECEIVE_TIMEOUT_MS = 500;
const PAGE_BYTES = 64 * 1024;
const ENODATA = 61;

/** For which address families this namespace has a NAT chain: without one no packet is translated. */
export interface NatChains {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/**
 * Lists the NAT chains of nftables (which iptables-nft uses too) and the tables of legacy iptables.
 *
 * @throws {NetlinkError} If the kernel refuses the dump.
 */
export function natChains(options: { namespace?: string | undefined } = {}): NatChains {
  const families = new Set<number>();
  const socket = new NetlinkSocket({
    protocol: NETLINK_NETFILTER,
    namespace: options.namespace,
    receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
  });
  try {
    request(socket);
    for (let more = true; more; ) more = readPage(socket, families);
  } finally {
    socket.close();
  }
  const has = (family: number): boolean => families.has(family) || families.has(NFPROTO_INET);
  return {
    ipv4: has(AF_INET) || hasLegacyTable(options.namespace, 'ip_tables_names'),
    ipv6: has(AF_INET6) || hasLegacyTable(options.namespace, 'ip6_tables_names'),
  };
}

function request(socket: NetlinkSocket): void {
  const writer = new MessageWriter(0);
  const type = (SUBSYSTEM_NFTABLES << 8) | NFT_MSG_GETCHAIN;
  writer.begin(type, NLM_F_REQUEST | NLM_F_DUMP, 1);
  for (let byte = 0; byte < NFGEN_HEADER_BYTES; byte += 1) writer.u8(0);
  writer.end();
  socket.send(writer.bytes, writer.length);
}

/** Whether the dump goes on. */
function readPage(socket: NetlinkSocket, families: Set<number>): boolean {
  const page = new Uint8Array(new ArrayBuffer(PAGE_BYTES));
  const length = socket.receive(page);
  if (length === 0) throw new NetlinkError('dump of the chains', ENODATA);
  const view = new DataView(page.buffer, 0, length);
  for (let at = 0; at + MESSAGE_HEADER_BYTES <= length; ) {
    const messageLength = view.getUint32(at, true);
    if (messageLength < MESSAGE_HEADER_BYTES || at + messageLength > length) return false;
    const type = view.getUint16(at + 4, true);
    if (type === NLMSG_DONE) return false;
    if (type === NLMSG_ERROR) {
      const errno = -view.getInt32(at + MESSAGE_HEADER_BYTES, true);
      throw new NetlinkError('dump of the chains', errno);
    }
    const attributes = at + MESSAGE_HEADER_BYTES + NFGEN_HEADER_BYTES;
    if (isNatChain(page, view, attributes, at + messageLength)) {
      families.add(view.getUint8(at + MESSAGE_HEADER_BYTES));
    }
    at += (messageLength + 3) & ~3;
  }
  return true;
}

function isNatChain(page: Uint8Array, view: DataView, start: number, end: number): boolean {
  for (let at = start; at + 4 <= end; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > end) return false;
    if ((view.getUint16(at + 2, true) & NLA_TYPE_MASK) === NFTA_CHAIN_TYPE) {
      return Buffer.from(page.subarray(at + 4, at + length)).toString('latin1') === 'nat\0';
    }
    at += (length + 3) & ~3;
  }
  return false;
}

function hasLegacyTable(namespace: string | undefined, file: string): boolean {
  try {
    const names = withNamespace(namespace, () =>
      readFileSync(`/proc/thread-self/net/${file}`, 'latin1'),
    );
    return names.split('\n').includes('nat');
  } catch (error) {
    // The file is there only while the module of legacy iptables is loaded.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
