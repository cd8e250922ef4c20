/** Keys and list positions from the document's root to a value. */
export type Path = readonly (string | number)[];

/** One thing that is wrong in a configuration. */
export interface Fault {
  /** `cluster.members[1].address`, or `(file)` for the document as a whole. */
  readonly key: string;
  /** What is wrong, a phrase that follows the key. */
  readonly problem: string;
  /** What would be right; null when `problem` says it already. */
  readonly allowed: string | null;
  /** 1-based place in the file, null when unknown. */
  readonly line: number | null;
  readonly column: number | null;
}

/** The name of a key as people write it. */
function keyOf(path: Path): string {
  let text = '';
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  }
  return text === '' ? '(file)' : text;
}

/** One line: `key: what is wrong; allowed: what is (line 3, column 5)`. */
export function formatFault(fault: Fault): string {
  const allowed = fault.allowed === null ? '' : `; allowed: ${fault.allowed}`;
  const place = fault.line === null ? '' : ` (line ${fault.line}, column ${fault.column ?? 1})`;
  return `${fault.key}: ${fault.problem}${allowed}${place}`.replace(/[\r\n]+/g, ' ');
}

/** Says where in a file a value is written; null when the value is not written. */
export type Locate = (path: Path) => { line: number; column: number } | null;

/** Collects faults while a configuration is read, so that a person sees all of them at once. */
export class Faults {
  readonly list: Fault[] = [];
  readonly #locate: Locate;

  constructor(locate: Locate) {
    this.#locate = locate;
  }

  /** @param path The key at fault; its nearest written ancestor gives the place. */
  add(path: Path, problem: string, allowed: string | null = null): void {
    let place = this.#locate(path);
    for (let length = path.length - 1; place === null && length > 0; length -= 1) {
      place = this.#locate(path.slice(0, length));
    }
    const at = { line: place?.line ?? null, column: place?.column ?? null };
    this.list.push({ key: keyOf(path), problem, allowed, ...at });
  }
}

/** Thrown when a configuration has at least one fault; `message` has one line for each. */
export class ConfigError extends Error {
  readonly code = 'RAFTWALL_CONFIG_INVALID';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}
