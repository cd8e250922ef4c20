import type { DraftConfig, DraftVrrp } from './draft.ts';
import type { Faults, Path } from './fault.ts';
import { overlap, parsePrefix } from './ip.ts';
import { reportRepeats } from './repeats.ts';
import { DEFAULT_TRACK_FILE } from './vrrp-options.ts';

type DraftInstance = NonNullable<DraftVrrp['instance']>;
type DraftGroup = NonNullable<DraftVrrp['groups']>[number];

/** Reports what is wrong between the keys of `vrrp`. */
export function checkVrrp({ vrrp, cluster }: DraftConfig, faults: Faults): void {
  if (vrrp === undefined || vrrp === null) return;
  if (vrrp.groups === null) checkOnlyGroup(vrrp, faults);
  else if (vrrp.groups !== undefined) {
    checkGroups(vrrp, vrrp.groups, faults);
    checkAddresses(vrrp.groups, cluster?.virtualAddresses, faults);
  }
}

function checkOnlyGroup(vrrp: DraftVrrp, faults: Faults): void {
  if (vrrp.instance === null) {
    faults.add(
      ['vrrp', 'instance'],
      'is missing, and there is no vrrp.groups either',
      '{ group: NAME } of a vrrp_sync_group or { instance: NAME } of a vrrp_instance',
    );
  }
  if (vrrp.instance) checkInstance(vrrp.instance, ['vrrp', 'instance'], faults);
  const trackFile = vrrp.trackFile === null ? DEFAULT_TRACK_FILE : vrrp.trackFile;
  reportFifoAsTrackFile(vrrp.fifo, trackFile, { at: ['vrrp', 'trackFile'], faults });
}

function checkGroups(vrrp: DraftVrrp, groups: readonly DraftGroup[], faults: Faults): void {
  for (const key of ['instance', 'trackFile'] as const) {
    if (!vrrp[key]) continue;
    faults.add(['vrrp', key], 'stands beside vrrp.groups', `vrrp.groups[].${key} instead`);
  }
  const path = (key: string) => (index: number) => ['vrrp', 'groups', index, key];
  const names = groups.map((group) => group.name);
  reportRepeats(names, path('name'), faults);
  reportRepeats(groups.map(instanceText), path('instance'), faults);
  const trackFiles = groups.map((group) => group.trackFile);
  reportRepeats(trackFiles, path('trackFile'), faults);
  groups.forEach((group, index) => {
    if (group.instance) checkInstance(group.instance, path('instance')(index), faults);
    const place = { at: path('trackFile')(index), faults };
    reportFifoAsTrackFile(vrrp.fifo, group.trackFile, place);
    checkSelector(groups, index, faults);
  });
}

function checkInstance(instance: DraftInstance, at: Path, faults: Faults): void {
  const { group, instance: single } = instance;
  if (group === undefined || single === undefined) return;
  if ((group === null) !== (single === null)) return;
  const problem = group === null ? 'names neither a group nor an instance' : 'names both';
  faults.add(at, problem, 'exactly one of { group: NAME } and { instance: NAME }');
}

function instanceText({ instance }: DraftGroup): string | undefined {
  if (instance?.group) return `group ${instance.group}`;
  return instance?.instance ? `instance ${instance.instance}` : undefined;
}

function reportFifoAsTrackFile(
  fifo: string | undefined,
  trackFile: string | undefined,
  { at, faults }: { at: Path; faults: Faults },
): void {
  if (fifo === undefined || fifo !== trackFile) return;
  faults.add(at, `is ${fifo}, which is vrrp.fifo too`, 'another file in the same directory');
}

/** What moves with a group is a virtual address, and moves with no other. */
function checkAddresses(
  groups: readonly DraftGroup[],
  known: readonly string[] | undefined,
  faults: Faults,
): void {
  const named = new Map<string, string>();
  groups.forEach((group, index) => {
    for (const [place, address] of (group.virtualAddresses ?? []).entries()) {
      const at = ['vrrp', 'groups', index, 'virtualAddresses', place];
      const other = named.get(address);
      if (other !== undefined) {
        faults.add(at, `is ${address}, which group ${other} names too`, 'an address in one group');
      } else if (known !== undefined && !known.includes(address)) {
        faults.add(at, `is ${address}, no virtual address`, 'one of cluster.virtualAddresses');
      }
      named.set(address, group.name ?? '?');
    }
  });
}

/** With several groups every flow must belong to at most one of them. */
function checkSelector(groups: readonly DraftGroup[], index: number, faults: Faults): void {
  const select = groups[index]?.select;
  const at = ['vrrp', 'groups', index, 'select'];
  if (select === undefined || (select === null && groups.length === 1)) return;
  const allowed = '{ zones: [NUMBER, ...], prefixes: [PREFIX, ...] }, at least one of the two';
  if (select === null) {
    faults.add(at, 'is missing, but there are several groups', allowed);
    return;
  }
  if (select.zones?.length === 0 && select.prefixes?.length === 0) {
    faults.add(at, 'selects nothing', allowed);
  }
  for (const earlier of groups.slice(0, index)) {
    const shared = sharedSelection(earlier.select, select);
    if (shared === null) continue;
    const problem = `takes ${shared}, which group ${earlier.name ?? '?'} takes too`;
    faults.add(at, problem, 'selectors without a common flow');
  }
}

type DraftSelector = DraftGroup['select'];

function sharedSelection(left: DraftSelector, right: DraftSelector): string | null {
  const zone = right?.zones?.find((number) => left?.zones?.includes(number));
  if (zone !== undefined) return `zone ${zone}`;
  const prefix = right?.prefixes?.find((text) => left?.prefixes?.some((it) => touches(it, text)));
  return prefix ?? null;
}

function touches(left: string, right: string): boolean {
  const [a, b] = [parsePrefix(left), parsePrefix(right)];
  return a !== null && b !== null && overlap(a, b);
}
