import type { VerifyReport } from '@raftwall/admin-api/client';
import { flowLine } from './flow-line.ts';
import { table } from './table.ts';

type NodeReport = VerifyReport['nodes'][number];
type Difference = NodeReport['differences'][number];

const HEADING = ['NODE', 'KERNEL:', 'MISSING', 'EXTRA', 'DIFFERENT', 'TABLE:', 'RANGES'];

/** The counts of each member, then its differences flow by flow, then the verdict. */
export function verifyText(report: VerifyReport): string {
  const rows = report.nodes.map((it) => [it.node, '', ...countsOf(it)]);
  const heading = [...HEADING, 'MISSING', 'EXTRA', 'DIFFERENT', ''];
  const lines = report.nodes.flatMap((it) => differenceLines(it));
  return `${[table(heading, rows).trimEnd(), ...lines, verdict(report)].join('\n')}\n`;
}

function countsOf({ answered, table: other, ...own }: NodeReport): string[] {
  if (!answered) return ['-', '-', '-', '', '-', '-', '-', '-', 'did not answer'];
  const kernel = [own.missing, own.extra, own.different].map(String);
  const ranges = String(own.tableRanges);
  return [...kernel, '', ranges, ...[other.missing, other.extra, other.different].map(String)];
}

function differenceLines(report: NodeReport): string[] {
  const { node, differences, missing, extra, different, table: other } = report;
  const all = missing + extra + different + other.missing + other.extra + other.different;
  const lines = differences.map((it) => `${node} ${differenceText(it)}`);
  const unnamed = all - differences.length;
  return unnamed > 0 ? [...lines, `${node} and ${unnamed} more`] : lines;
}

function differenceText({ place, kind, attributes, flow }: Difference): string {
  const what = attributes.length > 0 ? ` (${attributes.join(', ')})` : '';
  return `${place} ${kind}${what}: ${flowLine(flow)}`;
}

function verdict({ equal, nodes, reference, rangesCompared }: VerifyReport): string {
  if (equal) return 'equal';
  const most = Math.max(...nodes.map(({ tableRanges }) => tableRanges));
  if (most === 0) return 'not equal';
  return `not equal; tables compared with that of ${reference}, flow by flow in ${rangesCompared} of the 256 key ranges`;
}
