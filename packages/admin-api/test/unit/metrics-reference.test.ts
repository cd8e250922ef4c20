import { expect, it } from 'vitest';
import { type RegisteredMetric, registeredMetrics } from '../fixtures/whole-registry.ts';

const HEAD = `# Metrics of raftwalld

\`GET /metrics\` gives them in the text format of Prometheus. Names end with their unit; \`_total\` stands on counters only. Counters
begin at 0 when the daemon starts. Rules named in brackets are those of [rules.md](../internals/rules.md). \`deploy/prometheus\` has
alert rules on them, \`deploy/grafana\` a dashboard, and [the runbook](../operations/runbook.md) says what to do.

This page is generated from the code (\`npm run docs\` in \`packages/admin-api\`).
`;

function section(title: string, metrics: readonly RegisteredMetric[]): string {
  const rows = metrics.map(
    ({ name, type, labelNames, help }) =>
      `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
  return `\n## ${title}\n\n| metric | type | labels | what |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

it('the reference page is what the code generates', async () => {
  const all = registeredMetrics();
  const isOwn = ({ name }: RegisteredMetric) => name.startsWith('raftwall_');
  const page = `${HEAD}${section('raftwall', all.filter(isOwn))}${section(
    'The process',
    all.filter((metric) => !isOwn(metric)),
  )}`;
  await expect(page).toMatchFileSnapshot('../../../../docs/reference/metrics.md');
});
