import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminApi, NodeRegistry } from '@raftwall/admin-api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeNode, sampleStatus } from '../../../admin-api/test/fixtures/fake-node.ts';
import { dashboardFiles } from '../../src/index.ts';
import { detailsText, factsOf, memberCells } from '../../src/view.ts';

let directory = '';
let api: AdminApi;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raftwall-dashboard-'));
  const socket = join(directory, 's');
  const listen = { host: '127.0.0.1', port: 0 };
  api = new AdminApi(
    { socket, listen, tls: null, tokensFile: null, dashboardFiles },
    { node: new FakeNode(), registry: new NodeRegistry().registry, config: {}, logger: null },
  );
  await api.start();
});

afterAll(async () => {
  await api.stop();
  await rm(directory, { recursive: true });
});

async function fetchText(path: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${api.port}${path}`);
  expect(answer.status).toBe(200);
  return await answer.text();
}

it('every file that the page and its scripts name is served, and none from elsewhere', async () => {
  const page = await fetchText('/');
  const named = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(named.sort()).toEqual(['/app.js', '/icon.svg', '/style.css']);
  for (const path of named)
    expect(await fetchText(path)).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  const imports = [...(await fetchText('/app.js')).matchAll(/from ["']([^"']+)["']/g)];
  expect(imports.map((match) => match[1])).toEqual(['./view.js']);
  expect(await fetchText('/view.js')).not.toMatch(/^import /m);
});

it('every element that the script looks for is on the page', async () => {
  const page = await fetchText('/');
  const script = await fetchText('/app.js');
  const ids = [...script.matchAll(/byId\('([^']+)'\)/g)].map((match) => match[1]);
  expect(ids.length).toBeGreaterThan(4);
  for (const id of ids) expect(page).toContain(`id="${id}"`);
});

it('the page says what is wrong', () => {
  const status = sampleStatus({
    ready: false,
    notReadyReason: 'no leader',
    quorum: false,
    leader: null,
  });
  const bad = factsOf(status).filter((fact) => fact.tone === 'bad');
  expect(bad.map(({ name, value }) => `${name} ${value}`)).toEqual([
    'ready no: no leader',
    'quorum no',
    'leader none',
  ]);
});

it('a member that cannot be reached stands out', () => {
  const [, , lost] = sampleStatus().members;
  if (lost === undefined) throw new Error('The sample has three members');
  expect(memberCells(lost).map(({ value, tone }) => [value, tone])).toEqual([
    ['fw3', 'plain'],
    ['10.77.0.3:7650', 'plain'],
    ['follower', 'plain'],
    ['–', 'plain'],
    ['no', 'bad'],
    ['no', 'bad'],
  ]);
});

it('details of an event are one line', () => {
  const details = { term: 4, leader: 'fw2', old: null };
  expect(detailsText({ atMs: 0, kind: 'leader', message: 'm', details })).toBe(
    'term=4 leader=fw2 old=null',
  );
});
