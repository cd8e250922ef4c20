import {
  ASYMMETRIC_MATCHERS_OBJECT,
  type Assertion,
  addCustomEqualityTesters,
  chai,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';

/**
 * Stands in for `vitest` where tests are run again and again in one process: it collects them and runs one at a time. It
 * knows what the tests of the core use, and nothing else.
 */

type Body = (...args: never[]) => unknown;
type Options = Readonly<Record<string, unknown>>;

interface Group {
  readonly name: string;
  readonly parent: Group | null;
  readonly hooks: Record<'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll', (() => unknown)[]>;
  isPrepared: boolean;
}

/** One test; `name` holds the names of its groups. */
export interface Case {
  readonly file: string;
  readonly name: string;
  run(): Promise<void>;
}

const collected: Case[] = [];
let currentFile = '';
let currentGroup = newGroup('', null);

function newGroup(name: string, parent: Group | null): Group {
  const hooks = { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] };
  return { name, parent, hooks, isPrepared: false };
}

/** Tests that are collected from now on belong to this file. */
export function beginFile(file: string): void {
  currentFile = file;
  currentGroup = newGroup('', null);
}

/** Everything that was collected so far, in order. */
export function cases(): readonly Case[] {
  return collected;
}

function pathOf(group: Group | null): Group[] {
  return group === null ? [] : [...pathOf(group.parent), group];
}

async function runCase(groups: readonly Group[], body: Body): Promise<void> {
  for (const group of groups) {
    if (group.isPrepared) continue;
    group.isPrepared = true;
    for (const hook of group.hooks.beforeAll) await hook();
  }
  for (const { hooks } of groups) for (const hook of hooks.beforeEach) await hook();
  try {
    const pending = (body as () => unknown)();
    // A test that is not asynchronous must not wait for a turn of the loop: there are many of them.
    if (pending instanceof Promise) await pending;
  } finally {
    for (const { hooks } of [...groups].reverse()) {
      for (const hook of hooks.afterEach) await hook();
    }
  }
}

function bodyOf(second: Options | Body, third?: Body | number): Body {
  return typeof second === 'function' ? second : (third as Body);
}

/** The name of one row: `%s` and the like take its values in order, `$name` its fields. */
function rowName(name: string, row: unknown): string {
  const values = Array.isArray(row) ? [...row] : [row];
  const withFields = name.replace(/\$([\w.]+)/g, (text, path: string) => {
    const value = path.split('.').reduce<unknown>((at, key) => (at as Options)?.[key], row);
    return value === undefined ? text : String(value);
  });
  return withFields.replace(/%[sidfjo]/g, () => JSON.stringify(values.shift()) ?? '');
}

function eachOf(add: (name: string, body: Body) => void) {
  return (rows: readonly unknown[]) =>
    (name: string, second: Options | Body, third?: Body): void => {
      const body = bodyOf(second, third);
      for (const row of rows) {
        const args = (Array.isArray(row) ? row : [row]) as never[];
        add(rowName(name, row), () => body(...args));
      }
    };
}

function addGroup(name: string, body: Body): void {
  const outer = currentGroup;
  currentGroup = newGroup(name, outer);
  (body as () => unknown)();
  currentGroup = outer;
}

function addCase(name: string, body: Body): void {
  const groups = pathOf(currentGroup);
  const names = [...groups.map((group) => group.name), name].filter((part) => part !== '');
  const run = (): Promise<void> => runCase(groups, body);
  collected.push({ file: currentFile, name: names.join(' > '), run });
}

export const describe = Object.assign(
  (name: string, second: Options | Body, third?: Body) => addGroup(name, bodyOf(second, third)),
  { each: eachOf(addGroup) },
);
export const it = Object.assign(
  (name: string, second: Options | Body, third?: Body | number) =>
    addCase(name, bodyOf(second, third)),
  { each: eachOf(addCase) },
);

const hook = (kind: keyof Group['hooks']) => (body: () => unknown) => {
  currentGroup.hooks[kind].push(body);
};
export const beforeAll = hook('beforeAll');
export const beforeEach = hook('beforeEach');
export const afterEach = hook('afterEach');
export const afterAll = hook('afterAll');
export const vi = { setConfig: (): void => {} };

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign(
  (value: unknown, message?: string): Assertion => chai.expect(value, message) as Assertion,
  chai.expect,
  (globalThis as unknown as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT],
  { addEqualityTesters: addCustomEqualityTesters },
);
Reflect.set(globalThis, GLOBAL_EXPECT, expect);
setState({ ...getState(expect as never), assertionCalls: 0 }, expect as never);
