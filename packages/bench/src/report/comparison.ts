import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { barChart } from './bar-chart.ts';
import type { MachineFacts } from './machine.ts';
import { median } from './statistics.ts';

/** One thing that was measured on both sides, in pairs: the n-th values of both were measured one after the other. */
export interface ComparedRow {
  readonly what: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Ratio ours / theirs that is wanted, as `>= 5` or `<= 0.5`; absent where there is no goal. */
  readonly goal?: string;
}

/** A benchmark's outcome, as it is printed and kept. */
export interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly ours: string;
  readonly theirs: string;
  readonly notes: readonly string[];
  readonly machine: MachineFacts;
  readonly rows: readonly ComparedRow[];
}

const directory = fileURLToPath(new URL('../../../../docs/benchmarks/', import.meta.url));

/** Median of the ratios of the pairs: what the machine did to both in the same minute cancels out. */
function ratioOf({ ours, theirs }: ComparedRow): number {
  return median(ours.map((value, pair) => value / theirs[pair]!));
}

/** Whether the ratio reaches the goal; null where there is none. */
function isReached(row: ComparedRow): boolean | null {
  if (row.goal === undefined) return null;
  const [relation, limit] = row.goal.split(' ');
  const ratio = ratioOf(row);
  return relation === '>=' ? ratio >= Number(limit) : ratio <= Number(limit);
}

/** Prints the comparison, and keeps it as text with a picture and as raw numbers in `docs/benchmarks`. */
export function report(comparison: Comparison): void {
  const text = markdown(comparison);
  console.log(`\n${text}`);
  mkdirSync(directory, { recursive: true });
  const keep = (suffix: string, content: string): void =>
    writeFileSync(join(directory, `${comparison.name}.${suffix}`), content);
  keep('md', text);
  keep('json', `${JSON.stringify(comparison, null, 2)}\n`);
  keep('svg', barChart(comparison.title, comparison.rows.map(barOf)));
}

function barOf(row: ComparedRow): { label: string; value: number } {
  return { label: row.what, value: ratioOf(row) };
}

function markdown({ name, title, ours, theirs, notes, machine, rows }: Comparison): string {
  const lines = rows.map((row) => {
    const reached = isReached(row);
    const goal = reached === null ? '' : `${row.goal} ${reached ? 'reached' : '**not reached**'}`;
    const cells = [row.what, row.unit, figure(median(row.ours)), figure(median(row.theirs))];
    return `| ${[...cells, figure(ratioOf(row)), goal].join(' | ')} |`;
  });
  const facts = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node.js ${machine.node}, fdatasync of 4 KiB ${figure(machine.fdatasyncMs)} ms, load before ${machine.loadAverage}; ${machine.date}`;
  return [
    `# ${title}`,
    '',
    `Written by \`npm run bench -w bench -- ${name}\`. Medians of ${rows[0]!.ours.length} paired runs; the ratio is the median of the pairs' ratios.`,
    `Machine: ${facts}.`,
    '',
    `| what | unit | ${ours} | ${theirs} | ratio | goal |`,
    '|---|---|---:|---:|---:|---|',
    ...lines,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
    `![ratios](${name}.svg)`,
    '',
  ].join('\n');
}

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
