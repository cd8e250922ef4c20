import { FlowAttribute } from '@raftwall/flow-table';
import type { DifferenceView, VerifyNodeReport, VerifyReport } from './admin-port.ts';
import type { ComparedCommand, VerifiedCommand } from './command.ts';
import { type Difference, DifferenceKind, decodeDifferences } from './difference-list.ts';
import { viewFlow } from './flow-view.ts';
import { KeyRanges } from './key-ranges.ts';

/** What the members have said in one round. */
export interface Finding {
  readonly members: readonly string[];
  readonly active: string | null;
  /** With whose table the others were compared. */
  readonly reference: string;
  readonly verified: ReadonlyMap<string, VerifiedCommand>;
  readonly compared: ReadonlyMap<string, ComparedCommand>;
  /** Key ranges that were compared flow by flow. */
  readonly rangesCompared: KeyRanges;
}

const kindNames = {
  [DifferenceKind.missing]: 'missing',
  [DifferenceKind.extra]: 'extra',
  [DifferenceKind.different]: 'different',
} as const;

export function reportOf(finding: Finding): VerifyReport {
  const { members, reference, rangesCompared } = finding;
  const nodes = members.map((node) => nodeReport(node, finding));
  const equal = nodes.every(
    ({ answered, missing, extra, different, tableRanges }) =>
      answered && missing + extra + different + tableRanges === 0,
  );
  return { equal, reference, rangesCompared: rangesCompared.size, nodes };
}

function nodeReport(node: string, finding: Finding): VerifyNodeReport {
  const { active, reference, verified, compared } = finding;
  const answer = verified.get(node);
  if (answer === undefined) return unanswered(node);
  const { missing, extra, different, ranges } = answer;
  const expected = verified.get(reference)?.ranges ?? ranges;
  const table = compared.get(node);
  return {
    node,
    answered: true,
    ...{ missing, extra, different },
    tableRanges: KeyRanges.inWhichDiffer(ranges, expected).size,
    table: {
      missing: table?.missing ?? 0,
      extra: table?.extra ?? 0,
      different: table?.different ?? 0,
    },
    differences: [
      ...viewsOf('kernel', answer.differences, active),
      ...(table === undefined ? [] : viewsOf('table', table.differences, active)),
    ],
  };
}

function unanswered(node: string): VerifyNodeReport {
  const none = { missing: 0, extra: 0, different: 0 };
  return { node, answered: false, ...none, tableRanges: 0, table: none, differences: [] };
}

function viewsOf(
  place: DifferenceView['place'],
  bytes: Uint8Array,
  active: string | null,
): readonly DifferenceView[] {
  return decodeDifferences(bytes).map((difference) => viewOf(place, difference, active));
}

function viewOf(
  place: DifferenceView['place'],
  { kind, attributes, flow }: Difference,
  active: string | null,
): DifferenceView {
  const names = Object.entries(FlowAttribute).filter(([, bit]) => attributes & bit);
  return {
    place,
    kind: kindNames[kind],
    attributes: names.map(([name]) => name),
    flow: viewFlow(flow, active),
  };
}
