import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The names of metrics as the reference page lists them, with the series that a histogram makes. */
function existingSeries(): ReadonlySet<string> {
  const rows = [...read('docs/reference/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \|/gm)];
  const series = rows.flatMap(([, name = '', type]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
  );
  return new Set(series);
}

/** Names in PromQL that can only be metrics. */
function metricsIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\b(raftwall|process|nodejs)_\w+/g)].map(([name]) => name);
}

const alerts = read('deploy/prometheus/raftwall-alerts.yml');
const alertNames = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);

describe('alert rules', () => {
  it('promtool takes them, and each fires and is silent as its unit tests say', () => {
    const options = { cwd: join(root, 'deploy/prometheus'), encoding: 'utf8' } as const;
    for (const args of [
      ['check', 'rules', 'raftwall-alerts.yml'],
      ['test', 'rules', 'raftwall-alerts.test.yml'],
    ]) {
      const { status, stdout, stderr, error } = spawnSync('promtool', args, options);
      expect(error).toBeUndefined();
      expect({ status, output: stdout + stderr }).toMatchObject({ status: 0 });
    }
  }, 60_000);

  it('each has a unit test in which it fires and one in which it is silent', () => {
    const tests = read('deploy/prometheus/raftwall-alerts.test.yml');
    for (const name of alertNames) {
      expect(tests).toContain(`name: ${name} fires\n`);
      expect(tests).toContain(`name: ${name} is silent on a healthy cluster\n`);
    }
  });

  it('each has its section in the runbook, and the runbook none for what does not exist', () => {
    const sections = [...read('docs/operations/runbook.md').matchAll(/^## (\w+)$/gm)];
    expect(sections.map(([, name]) => name).sort()).toEqual([...alertNames].sort());
    for (const name of alertNames) {
      expect(alerts).toContain(`runbook: docs/operations/runbook.md#${name.toLowerCase()}\n`);
    }
  });

  it('use only metrics that exist', () => {
    const existing = existingSeries();
    const expressions = [...alerts.matchAll(/^ +expr: (.*)$/gm)].map(([, text = '']) => text);
    expect(expressions).toHaveLength(alertNames.length);
    for (const name of expressions.flatMap(metricsIn)) expect(existing).toContain(name);
  });
});

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

describe('the Grafana dashboard', () => {
  const { panels, templating } = JSON.parse(read('deploy/grafana/raftwall.json')) as {
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly query: string }[] };
  };

  it('uses only metrics that exist, each panel at least one', () => {
    const existing = existingSeries();
    const charts = panels.filter(({ targets }) => targets !== undefined);
    expect(charts.length).toBeGreaterThan(15);
    for (const { title, targets = [] } of charts) {
      const used = targets.flatMap(({ expr }) => metricsIn(expr));
      expect(used.length, title).toBeGreaterThanOrEqual(targets.length);
      for (const name of used) expect(existing, title).toContain(name);
    }
    for (const { query } of templating.list) {
      for (const name of metricsIn(query)) expect(existing).toContain(name);
    }
  });
});
