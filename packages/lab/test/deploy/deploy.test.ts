import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyRuleset, type Namespace, NamespaceSet, waitFor } from '../../src/index.ts';

const DEPLOY = fileURLToPath(new URL('../../../../deploy/', import.meta.url));

const RAFTWALL = fileURLToPath(new URL('../../../cli/bin/raftwall', import.meta.url));

const RAFTWALL_YAML = (mode: string): string => `
cluster:
  name: edge
  members: [{ id: fw1, address: "10.77.0.1:7650" }]
  virtualAddresses: ["192.168.0.100", "192.168.1.100"]
node: { id: fw1 }
peers: { insecure: true }
vrrp: { mode: ${mode}, instance: { group: G1 } }
`;

/** A configuration of keepalived without comments and empty lines. */
function statements(text: string): string[] {
  return text.split('\n').filter((line) => !/^\s*(#.*)?$/.test(line));
}

let namespaces: NamespaceSet;
let machine: Namespace;

beforeEach(async () => {
  namespaces = new NamespaceSet();
  machine = await namespaces.create('deploy');
  await machine.ip([
    'link add eth0 type veth peer name wire0',
    'link add eth1 type veth peer name wire1',
    ...['eth0', 'wire0', 'eth1', 'wire1'].map((name) => `link set ${name} up`),
  ]);
});
afterEach(() => namespaces.remove());

/** The rules of one table, without counters and comments. */
async function savedRules(namespace: Namespace, table: string): Promise<string[]> {
  const text = await namespace.exec('iptables-save', ['-t', table]);
  return text
    .split('\n')
    .filter((line) => /^(-A|:\w+ (ACCEPT|DROP))/.test(line))
    .map((line) => line.replace(/ \[.*/, ''));
}

/** Waits until the machine has the left virtual address, or has it no more. */
async function addressBecomes(present: boolean): Promise<void> {
  await waitFor(
    `the address is ${present ? 'there' : 'gone'}`,
    async () => {
      const text = await machine.exec('ip', ['-br', 'address', 'show', 'eth1']);
      return text.includes('192.168.0.100') === present ? true : null;
    },
    { timeoutMs: 30_000 },
  );
}

describe('what deploy/ offers', () => {
  it.each(['follow', 'lead', 'strict', 'two-groups'])(
    'keepalived accepts %s.conf',
    async (name) => {
      const directory = mkdtempSync(join(tmpdir(), 'raftwall-deploy-'));
      const text = readFileSync(join(DEPLOY, 'keepalived', `${name}.conf`), 'utf8');
      expect(text).toContain('/var/lib/raftwall/keepalived/');
      const file = join(directory, 'keepalived.conf');
      writeFileSync(file, text.replaceAll('/var/lib/raftwall/keepalived', directory));
      for (const [, file] of text.matchAll(/keepalived\/(ready[\w-]*)"/g)) {
        writeFileSync(join(directory, file!), '0\n');
      }
      await machine.exec('keepalived', ['--config-test', '--use-file', file]);
      rmSync(directory, { recursive: true });
    },
  );

  it.each(['follow', 'lead', 'strict'])(
    'raftwall keepalived-config prints %s.conf',
    async (mode) => {
      await machine.ip([
        'address add 192.168.0.11/24 dev eth1',
        'address add 192.168.1.11/24 dev eth0',
      ]);
      const directory = mkdtempSync(join(tmpdir(), 'raftwall-deploy-'));
      const file = join(directory, 'raftwall.yaml');
      writeFileSync(file, RAFTWALL_YAML(mode));
      const text = await machine.exec(RAFTWALL, ['keepalived-config', '--config', file]);
      const offered = readFileSync(join(DEPLOY, 'keepalived', `${mode}.conf`), 'utf8');
      expect(statements(text)).toEqual(statements(offered));
      rmSync(directory, { recursive: true });
    },
  );

  it('V3 liveness: keepalived gives the address up when nobody renews the track file, and takes it again', async () => {
    await machine.ip([
      'address add 192.168.0.11/24 dev eth1',
      'address add 192.168.1.11/24 dev eth0',
    ]);
    const directory = mkdtempSync(join(tmpdir(), 'raftwall-deploy-'));
    const offered = readFileSync(join(DEPLOY, 'keepalived', 'strict.conf'), 'utf8');
    const file = join(directory, 'keepalived.conf');
    const ready = join(directory, 'ready');
    writeFileSync(file, offered.replaceAll('/var/lib/raftwall/keepalived', directory));
    writeFileSync(ready, '1\n');
    const renew = () => setInterval(() => utimesSync(ready, new Date(), new Date()), 200);
    let renewal = renew();
    const pidFiles = ['--pid', join(directory, 'k.pid'), '--vrrp_pid', join(directory, 'v.pid')];
    const options = ['--dont-fork', '--vrrp', '--log-console', '--use-file', file, ...pidFiles];
    machine.spawn('keepalived', options, { stdio: 'ignore' });
    await addressBecomes(true);
    clearInterval(renewal);
    await addressBecomes(false);
    renewal = renew();
    await addressBecomes(true);
    clearInterval(renewal);
    rmSync(directory, { recursive: true, force: true });
  });

  it('testcase.iptables.sh makes the rules that the lab is tested with', async () => {
    await machine.exec('sh', [join(DEPLOY, 'firewall', 'testcase.iptables.sh')]);
    const other = await namespaces.create('lab');
    await applyRuleset(other, {});
    for (const table of ['filter', 'nat']) {
      expect(await savedRules(machine, table)).toEqual(await savedRules(other, table));
    }
    expect(await savedRules(machine, 'filter')).toContain(':FORWARD DROP');
  });

  it('testcase.nft loads, and loads again', async () => {
    const file = join(DEPLOY, 'firewall', 'testcase.nft');
    await machine.exec('nft', ['-f', file]);
    const once = await machine.exec('nft', ['list', 'ruleset']);
    await machine.exec('nft', ['-f', file]);
    expect(await machine.exec('nft', ['list', 'ruleset'])).toBe(once);
    expect(once).toContain('policy drop');
  });

  it('sysctl.conf is accepted by the kernel', async () => {
    await machine.exec('sysctl', ['-q', '-p', join(DEPLOY, 'firewall', 'sysctl.conf')]);
    const loose = await machine.exec('sysctl', ['-n', 'net.netfilter.nf_conntrack_tcp_loose']);
    expect(loose.trim()).toBe('0');
  });
});
