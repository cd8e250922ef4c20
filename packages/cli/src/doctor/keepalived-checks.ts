import { type DaemonConfig, timingMisfit, type VrrpOptions } from '@raftwall/daemon/config';
import type { KeepalivedConf, SyncGroup, TrackFile, VrrpInstance } from '../keepalived-conf.ts';
import { error, type Finding, ok, orOk, warning } from './finding.ts';

type Group = VrrpOptions['groups'][number];

/** keepalived clamps the sum of priority and weights to this. */
const priorityMax = 254;
/** VRRP version 2 counts adverts in whole seconds. */
const version2AdvertMsMin = 1_000;

/** keepalived's configuration against raftwall's. Nothing is wrong with one that raftwall does not follow. */
export function keepalivedChecks(conf: KeepalivedConf, config: DaemonConfig): Finding[] {
  const { vrrp } = config;
  if (vrrp === null) return [];
  const remarks = conf.remarks.map((remark) =>
    warning('keepalived.syntax', {
      found: remark,
      meaning: 'keepalived and this check may read the file differently from what was meant',
      remedy: 'write one statement a line; keepalived --config-test names faults',
    }),
  );
  return [
    ...orOk('keepalived.syntax', remarks, 'keepalived.conf could be read'),
    ...addressChecks(conf, config),
    fifoCheck(conf, vrrp),
    ...vrrp.groups.flatMap((group) => groupChecks(conf, vrrp, group)),
    ...timerChecks(conf, config, vrrp),
  ];
}

/** Rule K1: a virtual address that is not named counts as the firewall's own, and its flows stay local. */
function addressChecks({ instances }: KeepalivedConf, { cluster }: DaemonConfig): Finding[] {
  const moved = new Set(instances.flatMap(({ addresses }) => addresses));
  const named = new Set(cluster.virtualAddresses);
  const check = 'keepalived.virtual-addresses';
  const unmoved = [...named].filter((address) => !moved.has(address));
  const unnamed = [...moved].filter((address) => !named.has(address));
  const troubles = [
    ...unmoved.map((address) =>
      error(check, {
        found: `${address} is in cluster.virtualAddresses, but no virtual_ipaddress has it`,
        meaning: 'nobody moves it: traffic to it ends with the firewall that has it',
        remedy: `add ${address} to virtual_ipaddress of an instance, or take it out of cluster.virtualAddresses`,
      }),
    ),
    ...unnamed.map((address) =>
      error(check, {
        found: `keepalived moves ${address}, but cluster.virtualAddresses lacks it`,
        meaning:
          "raftwall takes it for the firewall's own: flows that begin, end or are translated there are not replicated (rule K1)",
        remedy: `add ${address} to cluster.virtualAddresses on all members`,
      }),
    ),
  ];
  return orOk(
    check,
    troubles,
    `keepalived moves what cluster.virtualAddresses names: ${[...named].join(', ')}`,
  );
}

function fifoCheck({ fifos }: KeepalivedConf, { fifo }: VrrpOptions): Finding {
  if (fifos.includes(fifo)) return ok('keepalived.fifo', `keepalived tells its states to ${fifo}`);
  return error('keepalived.fifo', {
    found: `vrrp_notify_fifo is ${fifos.join(', ') || 'missing'}, vrrp.fifo ${fifo}`,
    meaning: 'raftwalld does not hear who is MASTER: no firewall becomes active',
    remedy: `vrrp_notify_fifo ${fifo} in global_defs`,
  });
}

function groupChecks(conf: KeepalivedConf, vrrp: VrrpOptions, group: Group): Finding[] {
  const { kind, name } = group.instance;
  const word = kind === 'GROUP' ? 'vrrp_sync_group' : 'vrrp_instance';
  const list: readonly (SyncGroup | VrrpInstance)[] =
    kind === 'GROUP' ? conf.groups : conf.instances;
  const found = list.find((it) => it.name === name);
  if (found === undefined) {
    const known = list.map((it) => it.name).join(', ') || 'none';
    const trouble = {
      found: `there is no ${word} ${name}; there is: ${known}`,
      meaning: 'raftwalld waits for words about it that never come: no firewall becomes active',
      remedy: `name one of them in vrrp.instance, or add ${word} ${name} to keepalived.conf`,
    };
    return [error('keepalived.instance', trouble)];
  }
  const members = 'members' in found ? found.members : [found.name];
  const instances = conf.instances.filter((it) => members.includes(it.name));
  return [
    ok('keepalived.instance', `${word} ${name} is there`),
    ...strayCheck(conf, vrrp, found),
    ...trackChecks(conf, vrrp, group, found, instances),
    ...instances.flatMap((instance) => instanceChecks(instance, vrrp)),
  ];
}

/** An instance outside of the group moves by itself. */
function strayCheck(
  conf: KeepalivedConf,
  vrrp: VrrpOptions,
  found: SyncGroup | VrrpInstance,
): Finding[] {
  if (vrrp.groups.length > 1 || !('members' in found)) return [];
  const stray = conf.instances.filter(({ name }) => !found.members.includes(name));
  const ghosts = found.members.filter((name) => !conf.instances.some((it) => it.name === name));
  return [
    ...stray.map(({ name, line }) =>
      warning('keepalived.sync-group', {
        found: `vrrp_instance ${name} (line ${line}) is not in vrrp_sync_group ${found.name}`,
        meaning: 'its addresses may be on another firewall than the flows',
        remedy: `name ${name} in the group`,
      }),
    ),
    ...ghosts.map((name) =>
      error('keepalived.sync-group', {
        found: `vrrp_sync_group ${found.name} names ${name}, which is no vrrp_instance`,
        meaning: 'keepalived refuses or ignores the group',
        remedy: `add vrrp_instance ${name}, or take it out of the group`,
      }),
    ),
  ];
}

function trackChecks(
  conf: KeepalivedConf,
  { mode }: VrrpOptions,
  group: Group,
  owner: SyncGroup | VrrpInstance,
  instances: readonly VrrpInstance[],
): Finding[] {
  const check = 'keepalived.track-file';
  const defined = conf.trackFiles.find(({ file }) => file === group.trackFile);
  const trackers = [owner, ...instances].flatMap((it) => it.trackFiles.map((use) => ({ it, use })));
  const tracker = trackers.find(({ use }) => use.name === defined?.name);
  if (defined === undefined || tracker === undefined) {
    const what =
      defined === undefined
        ? `no track_file has the file ${group.trackFile}`
        : `track_file ${defined.name} is defined, but ${owner.name} does not track it`;
    const trouble = {
      found: what,
      meaning:
        'keepalived does not learn whether this firewall is ready, and takes one that is not',
      remedy: `see deploy/keepalived/${mode}.conf`,
    };
    return [error(check, trouble)];
  }
  const weight = tracker.use.weight ?? defined.weight ?? 0;
  const reverse = tracker.use.reverse || defined.reverse;
  const troubles = weightTroubles({ mode, weight, reverse, defined });
  const onGroup = tracker.it === owner && 'members' in owner ? owner : null;
  if (weight !== 0 && onGroup?.isWeighted === false) {
    troubles.push(
      error(check, {
        found: `vrrp_sync_group ${owner.name} tracks with a weight, without sync_group_tracking_weight`,
        meaning: 'keepalived does not take a weight on a group without it: readiness moves nothing',
        remedy: `sync_group_tracking_weight in vrrp_sync_group ${owner.name}`,
      }),
    );
  }
  return [
    ...orOk(check, troubles, `keepalived tracks ${group.trackFile}`),
    ...priorityChecks(instances, mode, weight),
  ];
}

interface Weighing {
  readonly mode: VrrpOptions['mode'];
  readonly weight: number;
  readonly reverse: boolean;
  readonly defined: TrackFile;
}

function weightTroubles({ mode, weight, reverse, defined }: Weighing): Finding[] {
  const text = `track_file ${defined.name} has weight ${weight}${reverse ? ' reverse' : ''}`;
  if (mode === 'strict') {
    if (weight === 0 && reverse) return [];
    const trouble = {
      found: `${text}, vrrp.mode is strict`,
      meaning:
        'only `weight 0 reverse` makes a 0, or a missing file, a FAULT: as it is, a firewall without the lease keeps the address',
      remedy: 'weight 0 reverse; see deploy/keepalived/strict.conf',
    };
    return [error('keepalived.track-file', trouble)];
  }
  if (weight > 0 && !reverse) return [];
  const trouble = {
    found: `${text}, vrrp.mode is ${mode}`,
    meaning:
      weight === 0
        ? 'with weight 0 a file with 1 is FAULT: every firewall that is ready drops out'
        : 'a ready firewall gets a lower priority than one that is not',
    remedy: `weight 20; see deploy/keepalived/${mode}.conf`,
  };
  return [error('keepalived.track-file', trouble)];
}

function priorityChecks(
  instances: readonly VrrpInstance[],
  mode: VrrpOptions['mode'],
  weight: number,
): Finding[] {
  const most = weight * (mode === 'lead' ? 2 : 1);
  return instances
    .filter(({ priority }) => priority + most > priorityMax)
    .map(({ name, priority }) =>
      warning('keepalived.priority', {
        found: `priority ${priority} of ${name} and a weight of up to ${most} are more than ${priorityMax}`,
        meaning: 'keepalived cuts the sum there: a ready firewall may be no better than another',
        remedy: `a priority of at most ${priorityMax - most}`,
      }),
    );
}

function instanceChecks(instance: VrrpInstance, { mode }: VrrpOptions): Finding[] {
  const { name, nopreempt, state } = instance;
  const findings: Finding[] = [];
  if (nopreempt && mode !== 'strict') {
    findings.push(
      error('keepalived.preempt', {
        found: `vrrp_instance ${name} has nopreempt, vrrp.mode is ${mode}`,
        meaning: 'a change of weight then never moves the address: readiness has no effect',
        remedy: `take nopreempt out of ${name}`,
      }),
    );
  }
  if (!nopreempt && mode === 'strict') {
    findings.push(
      warning('keepalived.preempt', {
        found: `vrrp_instance ${name} lacks nopreempt, vrrp.mode is strict`,
        meaning: 'at a planned move the address may go back and forth',
        remedy: `nopreempt in ${name}`,
      }),
    );
  }
  if (state === 'MASTER') {
    findings.push(
      warning('keepalived.state', {
        found: `vrrp_instance ${name} begins as MASTER`,
        meaning: 'it takes the address when it starts, before the flows are there',
        remedy: `state BACKUP in ${name}, on all firewalls`,
      }),
    );
  }
  return findings;
}

/** Rules V7 and K6. */
function timerChecks(conf: KeepalivedConf, config: DaemonConfig, vrrp: VrrpOptions): Finding[] {
  const adverts = [...new Set(conf.instances.map(({ advertIntervalMs }) => advertIntervalMs))];
  const findings = adverts.flatMap((ms) => advertChecks(ms, config, vrrp));
  if (adverts.length > 1) {
    findings.push(
      warning('keepalived.advert-interval', {
        found: `the instances have several advert_int: ${adverts.map((ms) => `${ms} ms`).join(', ')}`,
        meaning: 'parts of what moves as one notice a failure at different times',
        remedy: 'the same advert_int in all of them',
      }),
    );
  }
  for (const { name, advertIntervalMs, version } of conf.instances) {
    if ((version ?? conf.version) > 2 || advertIntervalMs >= version2AdvertMsMin) continue;
    findings.push(
      error('keepalived.advert-interval', {
        found: `vrrp_instance ${name} adverts every ${advertIntervalMs} ms, with VRRP version 2`,
        meaning: 'version 2 knows whole seconds only',
        remedy: 'vrrp_version 3 in global_defs',
      }),
    );
  }
  return orOk(
    'keepalived.timers',
    findings,
    `adverts every ${adverts.join(', ')} ms fit cluster.timing ${config.cluster.timing.name}`,
  );
}

function advertChecks(
  ms: number,
  { cluster, capture }: DaemonConfig,
  vrrp: VrrpOptions,
): Finding[] {
  const findings: Finding[] = [];
  const misfit = timingMisfit(cluster.timing, ms);
  if (misfit !== null) {
    findings.push(
      warning('keepalived.timers', {
        found: misfit,
        meaning: 'after a crash the address may arrive before the log has a leader again',
        remedy: 'change one of the two, on all firewalls',
      }),
    );
  }
  if (vrrp.advertIntervalMs !== null && vrrp.advertIntervalMs !== ms) {
    findings.push(
      warning('keepalived.advert-interval', {
        found: `vrrp.advertIntervalMs is ${vrrp.advertIntervalMs}, advert_int ${ms} ms`,
        meaning: 'raftwalld checks its timers against a wrong number',
        remedy: `vrrp.advertIntervalMs: ${ms}`,
      }),
    );
  }
  if (capture.destroyHoldMs < 3 * ms) {
    findings.push(
      warning('keepalived.destroy-hold', {
        found: `capture.destroyHoldMs is ${capture.destroyHoldMs}, less than three adverts (${3 * ms} ms)`,
        meaning: 'deletes that a lost address causes may be replicated (rule K6)',
        remedy: `capture.destroyHoldMs: ${3 * ms}, or a shorter advert_int`,
      }),
    );
  }
  return findings;
}
