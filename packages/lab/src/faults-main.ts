import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LabError } from './errors.ts';
import { faults } from './faults/catalogue.ts';
import { type CellOptions, measureCell, shortcomings } from './matrix/cell.ts';
import { faultsReport } from './matrix/report.ts';
import { cellName, ResultFile } from './matrix/result-file.ts';
import type { VrrpMode } from './raftwall-daemon.ts';

/** `npm run faults`: every fault in every mode, on the active firewall and on a standby; writes docs/operations/faults.md. */
const DOCUMENT = fileURLToPath(new URL('../../../docs/operations/faults.md', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../../docs/operations/faults.json', import.meta.url));
const MODES: readonly VrrpMode[] = ['follow', 'lead', 'strict'];

const USAGE = `npm run faults -- [--fault NAME]... [--mode follow|lead|strict]... [--role active|standby]... [--again]
Without --again, cells whose results are in docs/operations/faults.json are passed over.
Faults: ${faults.map(({ name }) => name).join(', ')}
`;

interface Selection {
  readonly faults: readonly string[];
  readonly modes: readonly string[];
  readonly roles: readonly string[];
  readonly again: boolean;
}

/** @throws {LabError} If the arguments name something that is not there. */
function parseSelection(argv: readonly string[]): Selection {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      fault: { type: 'string', multiple: true, default: [] },
      mode: { type: 'string', multiple: true, default: [] },
      role: { type: 'string', multiple: true, default: [] },
      again: { type: 'boolean', default: false },
    },
  });
  const known = new Set([...faults.map(({ name }) => name), ...MODES, 'active', 'standby']);
  const stranger = [...values.fault, ...values.mode, ...values.role].find((it) => !known.has(it));
  if (stranger !== undefined) {
    throw new LabError('LAB_COMMAND_FAILED', `there is no "${stranger}"\n${USAGE}`);
  }
  const { fault, mode, role, again } = values;
  return { faults: fault, modes: mode, roles: role, again };
}

function cellsOf(selection: Selection): CellOptions[] {
  const isChosen = (chosen: readonly string[], name: string): boolean =>
    chosen.length === 0 || chosen.includes(name);
  return MODES.filter((mode) => isChosen(selection.modes, mode)).flatMap((mode) =>
    faults
      .filter(({ name }) => isChosen(selection.faults, name))
      .flatMap((fault) =>
        (fault.roles ?? (['active', 'standby'] as const))
          .filter((role) => isChosen(selection.roles, role))
          .map((role) => ({ fault, mode, role })),
      ),
  );
}

/** @returns whether all was well */
async function runCell(cell: CellOptions, file: ResultFile, progress: string): Promise<boolean> {
  process.stdout.write(`${progress} ${cellName({ ...cell, fault: cell.fault.name })}: `);
  const result = await measureCell(cell);
  file.put(result);
  writeFileSync(DOCUMENT, faultsReport(file.results));
  const wrong = shortcomings(result);
  const { survived, sessions, longestGapMs, readyAfterMs } = result;
  const summary = `${survived} of ${sessions}, gap ${longestGapMs} ms, ready after ${readyAfterMs} ms`;
  process.stdout.write(`${[summary, ...wrong].join('; ')}\n`);
  return wrong.length === 0;
}

async function main(argv: readonly string[]): Promise<number> {
  const selection = parseSelection(argv);
  const file = new ResultFile(RESULTS);
  const cells = cellsOf(selection).filter(
    (cell) => selection.again || !file.has({ ...cell, fault: cell.fault.name }),
  );
  let failures = 0;
  for (const [i, cell] of cells.entries()) {
    const progress = `[${i + 1}/${cells.length}]`;
    const isWell = await runCell(cell, file, progress).catch((error: unknown) => {
      process.stdout.write(`could not be measured: ${String(error)}\n`);
      return false;
    });
    if (!isWell) failures += 1;
  }
  process.stdout.write(`${cells.length} cells, ${failures} with shortcomings; ${DOCUMENT}\n`);
  return failures === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
process.exit();
