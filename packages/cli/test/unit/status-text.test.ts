import { expect, it } from 'vitest';
import { sampleStatus } from '../../../admin-api/test/fixtures/fake-node.ts';
import { membersText, statusText } from '../../src/output/status-text.ts';

it('the status on a terminal is coloured, and says what is wrong', () => {
  const status = sampleStatus({
    ready: false,
    notReadyReason: 'no leader named a commit index',
    quorum: false,
    leader: null,
    active: null,
    vrrp: { mode: 'follow', state: 'MASTER', splitVip: true, trackFileValue: 0 },
  });
  const text = statusText(status, { isInteractive: true });
  expect(text).toContain('ready    \u001b[31mno\u001b[0m: no leader named a commit index\n');
  expect(text).toContain('leader   \u001b[33mnone\u001b[0m (term 3)\n');
  expect(text).toContain('\u001b[31m, another MASTER holds the epoch\u001b[0m\n');
});

it('the status without VRRP says what that means', () => {
  const text = statusText(sampleStatus({ vrrp: null }), { isInteractive: false });
  expect(text).toContain('vrrp     none: the leader is the active node\n');
});

it('V10 the status of a witness says so, and nothing of VRRP, capture and kernel', () => {
  const status = sampleStatus({ witness: true, role: 'follower', ready: false });
  const text = statusText(status, { isInteractive: false });
  expect(text).toContain('node    fw1 (witness, follower, cluster edge');
  expect(text).toContain('index   commit 120, applied 120\n');
  expect(text).not.toMatch(/^(vrrp|capture|kernel) /m);
});

it('V10 the members say who the witness is', () => {
  const members = sampleStatus().members.map((it) => ({ ...it, witness: it.id === 'fw3' }));
  expect(membersText(members)).toMatch(/^fw3 .* witness$/m);
});

it('A6 several traffic groups are told apart', () => {
  const [blue] = sampleStatus().groups;
  const red = { ...blue!, name: 'red', active: 'fw2', local: null };
  const text = statusText(sampleStatus({ groups: [blue!, red] }), { isInteractive: false });
  expect(text).toMatch(/^GROUP +ACTIVE +EPOCH +VRRP +READY$/m);
  expect(text).toMatch(/^default +fw1 +2 +MASTER +yes$/m);
  expect(text).toMatch(/^red +fw2 +2 +- +-$/m);
});
