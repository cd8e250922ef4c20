import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A metric without labels, before a registry has it. */
export interface Described<Kind extends 'counter' | 'gauge' | 'histogram'> {
  readonly kind: Kind;
  readonly name: string;
  readonly help: string;
  /** Upper bounds, in the unit that the name ends with. */
  readonly buckets: readonly number[];
}

export function counter(name: string, help: string): Described<'counter'> {
  return { kind: 'counter', name, help, buckets: [] };
}

export function gauge(name: string, help: string): Described<'gauge'> {
  return { kind: 'gauge', name, help, buckets: [] };
}

export function histogram(
  name: string,
  help: string,
  buckets: readonly number[],
): Described<'histogram'> {
  return { kind: 'histogram', name, help, buckets };
}

/** Seconds of what a quorum, a disk or a kernel is waited for: from a tenth of a millisecond to ten seconds. */
export const LATENCY_SECONDS = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** Seconds of what takes its time, up to a minute. */
export const DURATION_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

interface Made {
  readonly counter: Counter;
  readonly gauge: Gauge;
  readonly histogram: Histogram;
}

/** The metrics that a group of descriptions stands for, under the same keys. */
export type MetricsOf<Group> = {
  readonly [Key in keyof Group]: Group[Key] extends Described<infer Kind> ? Made[Kind] : never;
};

/** Makes the metrics of a group; a part that counts by a plain interface takes them as they are. */
export function register<Group extends Readonly<Record<string, Described<keyof Made>>>>(
  registry: Registry,
  group: Group,
): MetricsOf<Group> {
  const made = Object.entries(group).map(([key, described]) => [key, make(registry, described)]);
  return Object.fromEntries(made) as MetricsOf<Group>;
}

function make(registry: Registry, { kind, name, help, buckets }: Described<keyof Made>) {
  const registers = [registry];
  if (kind === 'counter') return new Counter({ name, help, registers });
  if (kind === 'gauge') return new Gauge({ name, help, registers });
  return new Histogram({ name, help, registers, buckets: [...buckets] });
}
