import type { Faults, Path } from './fault.ts';
import { nearest } from './nearest.ts';

/** One key of the configuration: what it means, what it allows, what it is when absent. */
export interface Field<T> {
  /** One sentence for the reference. */
  readonly summary: string;
  /** What is allowed, in words, for faults and for the reference. */
  readonly allowed: string;
  /** Whether absence is a fault. */
  readonly required: boolean;
  /** The default as people write it; null when there is none. */
  readonly defaultText: string | null;
  /** The keys below, for the reference. */
  readonly children: Readonly<Record<string, Field<unknown>>> | null;
  /** Value of an absent key; never called when `required`. */
  absent(at: Path, faults: Faults): T;
  /** @returns The value, or undefined after having reported why there is none. */
  read(value: unknown, at: Path, faults: Faults): T | undefined;
}

/** The part of a field that differs from kind to kind. */
export interface Reader<T> {
  readonly allowed: string;
  readonly children?: Readonly<Record<string, Field<unknown>>>;
  read(value: unknown, at: Path, faults: Faults): T | undefined;
}

/** A key that must be written. */
export function required<T>(summary: string, reader: Reader<T>): Field<T> {
  return {
    summary,
    allowed: reader.allowed,
    required: true,
    defaultText: null,
    children: reader.children ?? null,
    absent: () => {
      throw new TypeError('A required key has no default');
    },
    read: reader.read,
  };
}

/** A key with a default; the default goes through the reader, so it cannot be an invalid one. */
export function defaulted<T>(summary: string, reader: Reader<T>, value: unknown): Field<T> {
  return {
    ...required(summary, reader),
    required: false,
    defaultText: JSON.stringify(value),
    absent: (at, faults) => reader.read(value, at, faults) as T,
  };
}

/** A key whose absence means null. */
export function optional<T>(summary: string, reader: Reader<T>): Field<T | null> {
  return {
    ...(required(summary, reader) as Field<T | null>),
    required: false,
    absent: () => null,
  };
}

/** What a mapping of fields reads to: faulty keys are missing. */
export type Draft<F> = { [K in keyof F]?: F[K] extends Field<infer T> ? T : never };

/** A mapping with exactly these keys; an unknown key is a fault that names the nearest known one. */
export function mapping<F extends Readonly<Record<string, Field<unknown>>>>(
  fields: F,
): Reader<Draft<F>> {
  const allowed = `a mapping with ${Object.keys(fields).join(', ')}`;
  return {
    allowed,
    children: fields,
    read(value, at, faults) {
      if (!isMapping(value)) {
        faults.add(at, `is ${describe(value)}`, allowed);
        return undefined;
      }
      reportUnknown(value, fields, { at, faults });
      return readKeys(value, fields, { at, faults });
    },
  };
}

interface Place {
  readonly at: Path;
  readonly faults: Faults;
}

function readKeys<F extends Readonly<Record<string, Field<unknown>>>>(
  value: Readonly<Record<string, unknown>>,
  fields: F,
  { at, faults }: Place,
): Draft<F> {
  const result: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields)) {
    const path = [...at, key];
    if (Object.hasOwn(value, key)) {
      const read = field.read(value[key], path, faults);
      if (read !== undefined) result[key] = read;
    } else if (field.required) {
      faults.add(path, 'is missing', field.allowed);
    } else {
      result[key] = field.absent(path, faults);
    }
  }
  return result as Draft<F>;
}

function reportUnknown(
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Field<unknown>>>,
  { at, faults }: Place,
): void {
  const known = Object.keys(fields);
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(fields, key)) continue;
    const guess = nearest(key, known);
    const hint = guess === null ? '' : `, did you mean ${guess}?`;
    faults.add([...at, key], `is not a known key${hint}`, known.join(', '));
  }
}

/** Bounds of a list. */
export interface ListBounds {
  readonly min: number;
  readonly max: number;
}

/** A list of at least `min` and at most `max` things. One unreadable thing makes the list unreadable, so that indexes stay true. */
export function list<T>(item: Reader<T>, { min, max }: ListBounds): Reader<readonly T[]> {
  const allowed = `a list of ${min} to ${max} entries, each ${item.allowed}`;
  return {
    allowed,
    ...(item.children === undefined ? {} : { children: item.children }),
    read(value, at, faults) {
      if (!Array.isArray(value)) {
        faults.add(at, `is ${describe(value)}`, allowed);
        return undefined;
      }
      if (value.length < min || value.length > max) {
        faults.add(at, `has ${value.length} entries`, `${min} to ${max} entries`);
        return undefined;
      }
      const read = value.map((element, index) => item.read(element, [...at, index], faults));
      const present = read.filter((element) => element !== undefined);
      return present.length === read.length ? present : undefined;
    },
  };
}

/** A value as a fault names it, short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
