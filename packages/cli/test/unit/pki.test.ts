import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClusterPki } from '../../src/cluster-pki.ts';

// openssl starts slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
let pki: ClusterPki;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'raftwall-pki-')), 'pki');
  pki = new ClusterPki(directory);
});

afterEach(() => rm(join(directory, '..'), { recursive: true }));

const read = async (name: string) => await readFile(join(directory, name));
const filesOf = async (id: string, ca = 'ca.pem') => ({
  ca: await read(ca),
  cert: await read(`${id}.pem`),
  key: await read(`${id}.key`),
});

describe('the keys of a cluster', () => {
  it('let two members know each other by their ids', async () => {
    await pki.create('edge', 10);
    await pki.issue('fw1', 10);
    await pki.issue('fw2', 10);
    const server = createServer({ ...(await filesOf('fw1')), requestCert: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'secureConnection');
    const client = connect({
      ...(await filesOf('fw2')),
      port,
      host: '127.0.0.1',
      servername: 'fw1',
    });
    const [peer] = (await accepted) as [TLSSocket];
    expect(peer.getPeerCertificate().subjectaltname).toBe('DNS:fw2');
    client.destroy();
    const stranger = connect({
      ...(await filesOf('fw2')),
      port,
      host: '127.0.0.1',
      servername: 'fw3',
    });
    const [error] = await once(stranger, 'error');
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    server.close();
  });

  it('are for their owner only, and nothing else is left', async () => {
    await pki.create('edge', 10);
    const { key } = await pki.issue('fw1', 10);
    for (const file of [key, join(directory, 'ca.key')]) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    const names = await readdir(directory);
    expect(names.filter((name) => !name.startsWith('ca.')).sort()).toEqual(['fw1.key', 'fw1.pem']);
  });

  it('are never written over', async () => {
    await pki.create('edge', 10);
    const before = await read('ca.key');
    await expect(pki.create('edge', 10)).rejects.toThrow('ca.pem exists');
    expect(await read('ca.key')).toEqual(before);
  });

  it('need an authority and a name that can be in a certificate', async () => {
    await expect(pki.create('../x', 10)).rejects.toThrow('is no name');
    await pki.create('edge', 10);
    await rm(join(directory, 'ca.key'));
    await expect(pki.issue('fw1', 10)).rejects.toThrow('openssl x509 failed');
    await expect(pki.issue('a/b', 10)).rejects.toThrow('is no name');
    const names = await readdir(directory);
    expect(names.filter((name) => !name.startsWith('ca.'))).toEqual([]);
  });
});
