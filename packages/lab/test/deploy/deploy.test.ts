import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyRuleset, type Namespace, NamespaceSet } from '../../src/index.ts';

const DEPLOY = fileURLToPath(new URL('../../../../deploy/', import.meta.url));

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

describe('what deploy/ offers', () => {
  it.each(['follow', 'lead', 'strict'])('keepalived accepts %s.conf', async (mode) => {
    const directory = mkdtempSync(join(tmpdir(), 'raftwall-deploy-'));
    const text = readFileSync(join(DEPLOY, 'keepalived', `${mode}.conf`), 'utf8');
    expect(text).toContain('/var/lib/raftwall/keepalived/');
    const file = join(directory, 'keepalived.conf');
    writeFileSync(file, text.replaceAll('/var/lib/raftwall/keepalived', directory));
    writeFileSync(join(directory, 'ready'), '0\n');
    await machine.exec('keepalived', ['--config-test', '--use-file', file]);
    rmSync(directory, { recursive: true });
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
