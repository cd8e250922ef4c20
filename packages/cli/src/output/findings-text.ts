import type { Finding, Severity } from '../doctor/finding.ts';
import { type Style, styled, type Terminal } from '../terminal.ts';

const styles: Readonly<Record<Severity, Style>> = { ok: 'good', warning: 'warn', error: 'bad' };
const order: readonly Severity[] = ['ok', 'warning', 'error'];
const indent = ' '.repeat(9);

/** The worst last, where a person looks first; of what is right one line each. */
export function findingsText(
  findings: readonly Finding[],
  terminal: Pick<Terminal, 'isInteractive'>,
): string {
  const sorted = order.flatMap((severity) => findings.filter((it) => it.severity === severity));
  const [right, warnings, errors] = order.map(
    (severity) => findings.filter((it) => it.severity === severity).length,
  );
  const summary = `${plural(errors, 'error')}, ${plural(warnings, 'warning')}, ${right} right\n`;
  return sorted.map((finding) => findingText(finding, terminal)).join('') + summary;
}

function findingText(
  { check, severity, found, meaning, remedy }: Finding,
  terminal: Pick<Terminal, 'isInteractive'>,
): string {
  const head = `${styled(terminal, styles[severity], severity.padEnd(7))}  ${check}: ${found}\n`;
  if (severity === 'ok') return head;
  return `${head}${indent}meaning: ${meaning}\n${indent}to mend: ${remedy}\n`;
}

function plural(count = 0, word = ''): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
