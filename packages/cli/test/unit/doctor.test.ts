import { RefusedError, type SurveyReport, UnreachableError } from '@raftwall/admin-api/client';
import { describe, expect, it } from 'vitest';
import { sampleStatus } from '../../../admin-api/test/fixtures/fake-node.ts';
import { findingsText } from '../../src/output/findings-text.ts';
import { allReachable, examine, goodRules, member, type Patient } from '../support/patient.ts';

/** What is otherwise, what doctor must find of it and nothing else, and what it must say. */
type Case = readonly [name: string, Patient, found: readonly string[], said?: RegExp];

/** `severity check`, of everything that is not right. */
async function troubles(patient: Patient): Promise<string[]> {
  const findings = await examine(patient);
  for (const { found, meaning, remedy, severity } of findings) {
    expect(found).not.toBe('');
    expect(meaning !== '' && remedy !== '').toBe(severity !== 'ok');
  }
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ check, severity }) => `${severity} ${check}`);
}

const edit = (from: string | RegExp, to: string) => (text: string) => {
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  return edited;
};
const sysctl = (name: string, value: number | null): Patient => ({
  sysctls: { [`net.netfilter.nf_conntrack_${name}`]: value },
});
const keepalived = (from: string | RegExp, to: string, mode: Patient['mode'] = 'follow') => ({
  mode,
  keepalived: edit(from, to),
});
const rules = (rule: string): Patient => ({ iptables: `${goodRules}${rule}\n` });
const nft = (body: string): Patient => ({ nft: `table inet t {\n${body}\n}\n` });
const survey = (nodes: SurveyReport['nodes']): Patient => ({ survey: { nodes } });

describe('doctor', () => {
  it.each(['follow', 'lead', 'strict'] as const)(
    'finds nothing wrong where all is well: %s',
    async (mode) => {
      expect(await troubles({ mode })).toEqual([]);
      expect((await examine({ mode })).length).toBeGreaterThan(20);
    },
  );

  const cases: readonly Case[] = [
    // The kernel.
    ['no tracking', sysctl('max', null), ['error kernel.conntrack']],
    ['no events', sysctl('events', 0), ['error kernel.events'], /no events at all/],
    ['events for listeners', sysctl('events', 2), ['warning kernel.events'], /K17/],
    ['loose', sysctl('tcp_loose', 1), ['warning kernel.tcp-loose']],
    ['smaller max', sysctl('max', 50_000), ['warning kernel.room'], /takes no more than 50000/],
    ['full', sysctl('count', 90_000), ['error kernel.room'], /90000 entries of at most 100000/],
    ['few buckets', sysctl('buckets', 4_096), ['warning kernel.buckets'], /walks 49 tuples/],
    ['no forwarding', { sysctls: { 'net.ipv4.ip_forward': 0 } }, ['warning kernel.forwarding']],
    [
      'liberal against strict',
      {
        ...sysctl('tcp_be_liberal', 1),
        config: edit('maxEntries: 100000', 'tcpWindowTracking: strict'),
      },
      ['warning kernel.tcp-be-liberal'],
    ],
    [
      'small buffer',
      { config: edit('maxEntries: 100000', 'eventBufferBytes: 70000') },
      ['warning kernel.event-buffer'],
      /room for about 54 events/,
    ],
    ['clock', { tools: { timedatectl: 'no\n' } }, ['warning kernel.clock']],

    // The rules.
    ['flowtable', nft('\tflowtable ft {'), ['warning ruleset.flowtable'], /flowtable ft/],
    ['offload', nft('\t\tip protocol tcp flow add @ft'), ['warning ruleset.flowtable']],
    ['masquerade', rules('-A POSTROUTING -j MASQUERADE'), ['warning ruleset.masquerade']],
    ['masquerade of nft', nft('\t\toifname "x" masquerade'), ['warning ruleset.masquerade']],
    ['connbytes', rules('-A FORWARD -m connbytes'), ['warning ruleset.connbytes']],
    ['connbytes of nft', nft('\t\tct original bytes > 5 drop'), ['warning ruleset.connbytes']],
    ['quota', nft('\t\tquota over 5 mbytes drop'), ['warning ruleset.quota']],
    ['recent', rules('-A FORWARD -m recent --set'), ['warning ruleset.recent']],
    ['dynamic set', nft('\t\tflags dynamic,timeout'), ['warning ruleset.dynamic-sets']],
    ['secmark', rules('-A FORWARD -j CONNSECMARK --save'), ['warning ruleset.secmark']],
    ['pptp', rules('-A PREROUTING -j CT --helper pptp'), ['warning ruleset.pptp']],
    [
      'SNAT to an own address',
      rules('-A POSTROUTING -j SNAT --to-source 192.168.1.11:1024-2048'),
      ['warning ruleset.snat-own'],
      /translated to 192\.168\.1\.11,/,
    ],
    ['snat of nft', nft('\t\tsnat ip6 to fd00:0::11'), ['warning ruleset.snat-own']],
    ['no rules', { iptables: '' }, ['error ruleset.tracking']],
    ['no tools', { iptables: null, nft: null }, ['warning ruleset.read']],

    // keepalived.
    ['no file', { keepalived: () => null }, ['error keepalived.file']],
    [
      'an address that keepalived lacks',
      keepalived(/ +192\.168\.1\.100.*\n/, ''),
      ['error keepalived.virtual-addresses'],
      /192\.168\.1\.100 is in cluster\.virtualAddresses/,
    ],
    [
      'an address that raftwall lacks',
      { config: edit(', "192.168.1.100"', '') },
      ['error keepalived.virtual-addresses', 'warning ruleset.snat-own'],
    ],
    ['another fifo', keepalived('/fifo', '/pipe'), ['error keepalived.fifo']],
    [
      'another group',
      keepalived('vrrp_sync_group G1', 'vrrp_sync_group G2'),
      ['error keepalived.instance'],
      /there is: G2/,
    ],
    ['an instance alone', keepalived(/^ {4}G1_eth0\n/m, ''), ['warning keepalived.sync-group']],
    [
      'a ghost',
      keepalived(/^ {4}G1_eth0\n/m, '    G1_eth0\n    VI_no\n'),
      ['error keepalived.sync-group'],
    ],
    ['another track file', keepalived('/ready"', '/steady"'), ['error keepalived.track-file']],
    [
      'tracked by nobody',
      keepalived(/ {2}track_file \{\n {4}ready\n {2}\}\n/, ''),
      ['error keepalived.track-file'],
      /does not track it/,
    ],
    [
      'no weight taken',
      keepalived(/ *sync_group_tracking_weight\n/, ''),
      ['error keepalived.track-file'],
      /sync_group_tracking_weight/,
    ],
    [
      'weight of strict',
      keepalived('weight 20', 'weight 0 reverse'),
      ['error keepalived.track-file'],
    ],
    [
      'weight 0',
      keepalived('weight 20', 'weight 0'),
      ['error keepalived.track-file'],
      /file with 1 is FAULT/,
    ],
    [
      'weight not reverse',
      keepalived('weight 0 reverse', 'weight 0', 'strict'),
      ['error keepalived.track-file'],
    ],
    ['nopreempt', keepalived('priority 100', 'nopreempt'), ['error keepalived.preempt']],
    [
      'preempt in strict',
      keepalived(/ *nopreempt\n/, '', 'strict'),
      ['warning keepalived.preempt'],
    ],
    ['begins as MASTER', keepalived('state BACKUP', 'state MASTER'), ['warning keepalived.state']],
    [
      'priority',
      keepalived('priority 100', 'priority 240', 'lead'),
      ['warning keepalived.priority'],
    ],
    [
      'adverts that are too fast',
      {
        keepalived: (text) => text.replaceAll('advert_int 0.3', 'advert_int 0.2'),
        config: edit('advertIntervalMs: 300', 'advertIntervalMs: 200'),
      },
      ['warning config.warning', 'warning keepalived.timers'],
      /V7/,
    ],
    [
      'adverts that are not those of the configuration',
      { config: edit('advertIntervalMs: 300', 'advertIntervalMs: 400') },
      ['warning config.warning', 'warning keepalived.advert-interval'],
    ],
    [
      'adverts of several lengths',
      keepalived('advert_int 0.3', 'advert_int 0.31'),
      ['warning keepalived.advert-interval', 'warning keepalived.advert-interval'],
    ],
    [
      'VRRP 2',
      keepalived(/ *vrrp_version 3\n/, ''),
      ['error keepalived.advert-interval', 'error keepalived.advert-interval'],
    ],
    [
      'a hold that is too short',
      { config: edit('destroyHoldMs: 1000', 'destroyHoldMs: 800') },
      ['warning config.warning', 'warning keepalived.destroy-hold'],
    ],
    [
      'a statement behind a brace',
      keepalived('global_defs {', 'global_defs { x'),
      ['warning keepalived.syntax'],
    ],

    // The configuration.
    ['no configuration', { config: () => null }, ['error config.file']],
    [
      'a fault',
      { config: edit('name: edge', 'name: "!"') },
      ['error config.file'],
      /cluster\.name/,
    ],
    [
      'two voters',
      { config: edit(/ {4}- \{ id: fw3.*\n/, '') },
      ['warning config.warning'],
      /two voters/,
    ],

    // The daemon and the other members.
    ['no daemon', { status: new UnreachableError('/s', null) }, ['error daemon.reachable']],
    [
      'not ready',
      { status: { ready: false, notReadyReason: 'late' } },
      ['error daemon.ready'],
      /late/,
    ],
    ['no quorum', { status: { quorum: false } }, ['error daemon.quorum', 'warning members.survey']],
    [
      'a member away',
      { status: { members: sampleStatus().members } },
      ['error cluster.members'],
      /fw3 \(10\.77\.0\.3:7650\)/,
    ],
    ['two members', { status: { members: allReachable.slice(0, 2) } }, ['warning cluster.voters']],
    [
      'two masters',
      { status: { vrrp: { mode: 'follow', state: 'MASTER', splitVip: true, trackFileValue: 0 } } },
      ['error daemon.split-vip'],
    ],
    [
      'refused',
      { survey: new RefusedError(404, 'unknown-route', 'x') },
      ['warning members.survey'],
    ],
    [
      'a silent member',
      survey([member('fw1'), { node: 'fw2', answered: false, wallClockMs: 0, facts: {} }]),
      ['warning members.survey'],
      /fw2 did not say/,
    ],
    [
      'another sysctl',
      survey([member('fw1'), member('fw2'), member('fw3', { 'sysctl x': '2' })]),
      ['warning members.sysctl'],
      /^x: fw1, fw2 have 1; fw3 has 2$/,
    ],
    [
      'another filter',
      survey([member('fw1', { 'config y': '1' }), member('fw2')]),
      ['error members.config'],
    ],
    [
      'rules that one lacks',
      survey([
        member('fw1'),
        { ...member('fw2'), facts: { 'sysctl x': '1', 'config y': '"a"', helpers: '' } },
      ]),
      ['warning members.ruleset'],
      /iptables nat: fw1 has abc; fw2 has nothing/,
    ],
    [
      'another helper',
      survey([member('fw1', { helpers: 'ftp' }), member('fw2')]),
      ['warning members.helpers'],
      /fw2 has none/,
    ],
    [
      'a clock ahead',
      survey([member('fw1'), { ...member('fw2'), wallClockMs: 1_003_005 }]),
      ['warning members.clock'],
      /clock of fw2 is 3\.0 s ahead of that of fw1/,
    ],
  ];

  for (const [name, patient, expected, said] of cases) {
    it(`finds: ${name}`, async () => {
      expect((await troubles(patient)).sort()).toEqual([...expected].sort());
      if (said === undefined) return;
      const found = await examine(patient);
      const texts = found.flatMap(({ severity, found: text, meaning }) =>
        severity === 'ok' ? [] : [text, meaning],
      );
      expect(texts).toContainEqual(expect.stringMatching(said));
    });
  }

  it('compares a witness only in what it says, and looks at no kernel on one', async () => {
    const members = allReachable.map((it) => ({ ...it, witness: it.id === 'fw3' }));
    const witness = { ...member('fw3'), facts: { 'config y': '"a"' } };
    const nodes = [member('fw1'), member('fw2'), witness];
    expect(await troubles({ status: { members }, survey: { nodes } })).toEqual([]);
    const odd = { ...witness, facts: { 'config y': '"b"' } };
    expect(
      await troubles({ status: { members }, survey: { nodes: [member('fw1'), odd] } }),
    ).toEqual(['error members.config']);
    const onWitness = await examine({
      config: (text) =>
        text
          .replace('node: { id: fw1 }', 'node: { id: fw1, witness: true }')
          .replace(/^vrrp:.*\n/m, ''),
      ...sysctl('max', null),
    });
    expect(onWitness.filter(({ check }) => /^(kernel|ruleset|keepalived)/.test(check))).toEqual([]);
  });

  it('goes on without a daemon: files, rules and kernel are looked at all the same', async () => {
    const found = await troubles({
      status: new UnreachableError('/s', null),
      keepalived: edit('/fifo', '/pipe'),
      ...sysctl('events', 0),
    });
    expect(found.sort()).toEqual([
      'error daemon.reachable',
      'error keepalived.fifo',
      'error kernel.events',
    ]);
  });

  it('shows the worst last, with what it means and how to mend it', async () => {
    const text = findingsText(await examine(sysctl('events', 0)), { isInteractive: false });
    expect(text).toMatch(/^ok {7}config\.file: \/config is valid\n/);
    expect(text).toContain(`error    kernel.events: nf_conntrack_events is 0
         meaning: flows emit no events at all`);
    expect(text).toMatch(/\n1 error, 0 warnings, \d+ right\n$/);
  });
});
