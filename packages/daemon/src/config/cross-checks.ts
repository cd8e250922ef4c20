import type { DraftConfig } from './draft.ts';
import type { Faults } from './fault.ts';
import { isLoopback } from './ip.ts';
import { reportRepeats } from './repeats.ts';
import { checkVrrp } from './vrrp-checks.ts';

/** Reports what is wrong between keys, as far as the keys themselves could be read. */
export function checkAcrossKeys(draft: DraftConfig, faults: Faults): void {
  checkMembers(draft, faults);
  checkOwnName(draft, faults);
  checkPeers(draft, faults);
  checkApi(draft, faults);
  checkVirtualAddresses(draft, faults);
  checkVrrp(draft, faults);
}

function checkMembers({ cluster }: DraftConfig, faults: Faults): void {
  const members = cluster?.members ?? [];
  const at = ['cluster', 'members'];
  const ids = members.map((member) => member.id);
  const addresses = members.map((member) => member.address?.text);
  reportRepeats(ids, (index) => [...at, index, 'id'], faults);
  reportRepeats(addresses, (index) => [...at, index, 'address'], faults);
}

function checkOwnName({ cluster, node }: DraftConfig, faults: Faults): void {
  const ids = cluster?.members?.map((member) => member.id);
  if (ids === undefined || ids.includes(undefined) || node?.id === undefined) return;
  if (node.join !== false || ids.includes(node.id)) return;
  faults.add(
    ['node', 'id'],
    `is "${node.id}", which is not among cluster.members`,
    `${ids.join(', ')}; or node.join: true for a node that joins later`,
  );
}

function checkPeers({ peers }: DraftConfig, faults: Faults): void {
  const { insecure, tls } = peers ?? {};
  if (insecure === undefined || tls === undefined) return;
  const allowed = 'either insecure: true or tls: { ca: FILE, cert: FILE, key: FILE }';
  if (insecure && tls !== null) faults.add(['peers'], 'has both insecure: true and tls', allowed);
  if (!insecure && tls === null) {
    faults.add(['peers'], 'says neither insecure: true nor tls', allowed);
  }
}

function checkApi({ api, node }: DraftConfig, faults: Faults): void {
  const listen = api?.listen;
  if (listen === undefined || listen === null) return;
  if (listen.text === node?.listen?.text) {
    faults.add(['api', 'listen'], `is ${listen.text}, which is node.listen too`, 'another port');
  }
  if (isLoopback(listen.host)) return;
  for (const key of ['tls', 'tokensFile'] as const) {
    if (api?.[key] !== null) continue;
    const problem = `is missing, but api.listen is ${listen.text}, which others can reach`;
    faults.add(['api', key], problem, `api.${key}, or api.listen on 127.0.0.1 or [::1]`);
  }
}

function checkVirtualAddresses({ cluster, vrrp }: DraftConfig, faults: Faults): void {
  const addresses = cluster?.virtualAddresses;
  if (addresses === undefined) return;
  const at = ['cluster', 'virtualAddresses'];
  if (vrrp && addresses.length === 0) {
    faults.add(at, 'is missing, but vrrp is configured', 'the addresses that keepalived moves');
  }
  reportRepeats(addresses, (index) => [...at, index], faults);
  cluster?.members?.forEach((member, index) => {
    if (member.address === undefined || !addresses.includes(member.address.host)) return;
    faults.add(
      ['cluster', 'members', index, 'address'],
      `is ${member.address.text}, a virtual address, which moves between nodes`,
      "the member's own address",
    );
  });
}
