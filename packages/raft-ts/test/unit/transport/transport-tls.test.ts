import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TlsFiles } from '../../../src/transport/index.ts';
import { eventually, Member } from './pair.ts';
import { contentOf, messageOf, metaOf, readerOf, Shelf, send } from './snapshot-ends.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const members: Member[] = [];
let directory = '';

const file = (name: string): string => path.join(directory, name);
const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
};

function authority(name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    '-subj',
    `/CN=${name}`,
  );
}

function certificate(name: string, subject: string, signer: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=member');
  writeFileSync(file(`${name}.ext`), `subjectAltName=DNS:${subject}\n`);
  const ca = ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`, '-CAcreateserial'];
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    ...ca,
    '-out',
    `${name}.pem`,
    '-extfile',
    `${name}.ext`,
  );
}

const tlsOf = (name: string, ca = 'ca'): TlsFiles => ({
  ca: file(`${ca}.pem`),
  cert: file(`${name}.pem`),
  key: file(`${name}.key`),
});

const pemsOf = (name: string) => ({ ca: 'ca.pem', cert: `${name}.pem`, key: `${name}.key` });
/** The content of a file; what is no file's name stays. */
const read = (name: string): string =>
  /\.(pem|key)$/.test(name) ? readFileSync(file(name), 'utf8') : name;

async function start(id: string, tls: TlsFiles, shelf?: Shelf): Promise<Member> {
  const member = new Member(id, { insecure: false, tls });
  member.onSnapshot = shelf?.onSnapshot ?? null;
  members.push(member);
  return member.start();
}

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-tls-'));
  authority('ca');
  authority('other');
  certificate('a', 'a', 'ca');
  certificate('b', 'b', 'ca');
  certificate('c', 'c', 'ca');
  certificate('foreign', 'b', 'other');
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await Promise.all(members.splice(0).map(({ transport }) => transport.stop()));
});

describe('TcpTransport with mutual TLS', () => {
  it('carries messages between members whose certificates name them', async () => {
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('b'))];
    a.knows(b);
    b.knows(a);
    await eventually(() => a.transport.isReachable('b') && b.transport.isReachable('a'));
    const data = new Uint8Array(1_000_000).fill(3);
    a.transport.send({ kind: 'propose', from: 'a', to: 'b', requestId: 1, data });
    await b.until(() => b.received.length === 1);
    expect(b.received[0]).toMatchObject({ kind: 'propose', requestId: 1 });
  });

  it('carries a snapshot', async () => {
    const shelf = new Shelf();
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('b'), shelf)];
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    const content = contentOf(2_500_000);
    expect(await send(a, messageOf(metaOf(content)), readerOf(content))).toBeNull();
    expect(Buffer.compare(shelf.content, content)).toBe(0);
  });

  it.each([
    ['an older TLS', { maxVersion: 'TLSv1.2', ...pemsOf('a') }],
    ['no certificate', { ca: pemsOf('a').ca }],
    ['a certificate of another authority', pemsOf('foreign')],
  ] as const)('refuses %s', async (_, options) => {
    const b = await start('b', tlsOf('b'));
    const { ca, ...rest } = options;
    const files = Object.fromEntries(
      Object.entries(rest).map(([name, value]) => [name, read(value)]),
    );
    const socket = tls.connect({
      port: b.transport.port!,
      ca: read(ca),
      ...files,
      checkServerIdentity: () => undefined,
    });
    socket.resume();
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    await b.until(() => b.refused.length === 1);
    expect(b.refused[0]).toMatchObject({ reason: 'certificate', peer: null });
    expect(b.counts.of('connectionsTotal')).toBe(0);
  });

  it('a snapshot goes to no member with the certificate of another one', async () => {
    const shelf = new Shelf();
    for (const end of ['pem', 'key']) copyFileSync(file(`b.${end}`), file(`turning.${end}`));
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('turning'), shelf)];
    a.knows(b);
    await eventually(() => a.transport.isReachable('b'));
    for (const end of ['pem', 'key']) copyFileSync(file(`a.${end}`), file(`turning.${end}`));
    // Connections that exist go on; the one for the snapshot is new.
    b.transport.reloadTls();
    const content = contentOf(10);
    const error = await send(a, messageOf(metaOf(content)), readerOf(content));
    expect(error).toMatchObject({ reason: 'peer-refused', cause: { reason: 'certificate' } });
    expect(shelf.offered).toEqual([]);
  });

  it('refuses a member that holds the certificate of another one', async () => {
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('a'))];
    a.knows(b);
    b.knows(a);
    await a.until(() => a.refused.length >= 2);
    expect(a.refused.map(({ reason, peer }) => [reason, peer])).toEqual([
      ['certificate', 'b'],
      ['certificate', 'b'],
    ]);
    expect(a.transport.isReachable('b') || b.transport.isReachable('a')).toBe(false);
  });

  it('refuses a certificate of another authority', async () => {
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('foreign'))];
    a.knows(b);
    await a.until(() => a.refused.length > 0);
    expect(a.refused[0]).toMatchObject({ reason: 'certificate', peer: 'b' });
    expect(a.transport.isReachable('b')).toBe(false);
  });

  it('uses new files after a reload, and keeps the old ones when they are bad', async () => {
    for (const end of ['pem', 'key']) copyFileSync(file(`foreign.${end}`), file(`rolling.${end}`));
    const [a, b] = [await start('a', tlsOf('a')), await start('b', tlsOf('rolling'))];
    a.knows(b);
    await a.until(() => a.refused.length > 0);
    for (const end of ['pem', 'key']) copyFileSync(file(`b.${end}`), file(`rolling.${end}`));
    b.transport.reloadTls();
    await eventually(() => a.transport.isReachable('b'));
    writeFileSync(file('rolling.pem'), 'no certificate');
    expect(() => b.transport.reloadTls()).toThrow();
    expect(a.transport.isReachable('b')).toBe(true);
    // The old ones are still good for new connections.
    const c = await start('c', tlsOf('c'));
    c.knows(b);
    await eventually(() => c.transport.isReachable('b'));
  });

  it('dials with new files after a reload', async () => {
    for (const end of ['pem', 'key']) copyFileSync(file(`foreign.${end}`), file(`dialling.${end}`));
    const [a, b] = [await start('a', tlsOf('dialling')), await start('b', tlsOf('b'))];
    a.knows(b);
    await b.until(() => b.refused.length > 0);
    expect(a.transport.isReachable('b')).toBe(false);
    for (const end of ['pem', 'key']) copyFileSync(file(`a.${end}`), file(`dialling.${end}`));
    a.transport.reloadTls();
    await eventually(() => a.transport.isReachable('b'));
  });
});
