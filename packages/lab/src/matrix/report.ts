import { faults } from '../faults/catalogue.ts';
import type { VrrpMode } from '../raftwall-daemon.ts';
import { type CellResult, shortcomings } from './cell.ts';
import { cellName } from './result-file.ts';

const MODES: readonly VrrpMode[] = ['follow', 'lead', 'strict'];

const INTRODUCTION = `# What each fault costs

<!-- Written by \`npm run faults\`; do not edit. -->

Three firewalls with real keepalived (advert_int 0.3 s), ${'`raftwalld`'} with its default timing, TCP sessions from A to B that send ten numbers a
second each, and 1,000 other flows. One fault happens to the active firewall or to a standby, and ends. All on one machine.

| column | meaning |
|---|---|
| survived | sessions that went on, with every number answered once and in order |
| gap | longest time without an answer in any of them |
| ready | from the end of the fault until all members are ready and one is active |
| flows lost | of those that the active kernel had before the fault, and the active kernel lacks afterwards |
| equal | all kernels and tables are equal afterwards (\`conntrack -L\` on all, and \`raftwall verify\`) |
| INVALID | packets that rule 5 logged, over all firewalls |
| writers | whether some epoch was ever held by two nodes |

INVALID packets come from the firewall that loses the addresses: while they move, it sees one direction of a session only, and its kernel
calls some of that INVALID. With VRRP split, two firewalls answer for the addresses all the time: ten of ten runs lost nothing, but one of three
with both processors kept busy beside it lost 20 of 200 sessions. The firewall that lost the epoch goes on to carry traffic there.
A full disk, a failed sync and an ended process are mended by a restart; only a wiped and a corrupt disk need a person
(\`raftwall members remove\`, empty the directory, \`members add\`, \`promote\`).
`;

const ELSEWHERE = `
## Other faults, and where they are tested
| fault | test |
|---|---|
| bursts that overrun the event buffer, SYN floods | \`packages/lab/test/testcase/overload.test.ts\` |
| \`conntrack -F\` on the active firewall is what a person wants: all flows go, everywhere (rule K16) | \`testcase/operator.test.ts\` |
| reboot of the holder, addresses back before it is level (rule K9) | \`testcase/reboot.test.ts\` |
| all daemons dead, all machines without power | \`testcase/full-restart.test.ts\` |
| flushed rules on the active firewall: packets pass untranslated, which no replication can help | - |

Sessions that begin while the active firewall has no quorum are known to its kernel alone: they are lost if it dies, or if the addresses move
after three seconds, before it is back (rule V5).
`;

/** The document of all results, in Markdown. */
export function faultsReport(results: readonly CellResult[]): string {
  const byName = new Map(results.map((result) => [cellName(result), result]));
  const tables = MODES.flatMap((mode) => {
    const rows = faults.flatMap((fault) =>
      (['active', 'standby'] as const).flatMap((role) => {
        const result = byName.get(cellName({ fault: fault.name, mode, role }));
        return result === undefined ? [] : [row(fault.title, result)];
      }),
    );
    return rows.length === 0 ? [] : [`\n## Mode \`${mode}\`\n${HEADING}\n${rows.join('\n')}\n`];
  });
  return `${INTRODUCTION}${tables.join('')}${ELSEWHERE}`;
}

const HEADING = `| fault | at | survived | gap, ms | ready, s | flows lost | equal | INVALID | writers | remarks |
|---|---|---|---|---|---|---|---|---|---|`;

function row(title: string, result: CellResult): string {
  const cells = [
    `${title} (\`${result.fault}\`)`,
    result.role,
    `${result.survived} of ${result.sessions}`,
    result.longestGapMs,
    result.readyAfterMs === null ? 'never' : (result.readyAfterMs / 1000).toFixed(1),
    result.flowsLost,
    result.equalTables ? 'yes' : '**no**',
    result.invalidPackets,
    result.writerConflicts.length === 0 ? 'one' : '**two**',
    shortcomings(result).join('; ').replaceAll('\n', ' ').replaceAll('|', '\\|').slice(0, 300),
  ];
  return `| ${cells.join(' | ')} |`;
}
