import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CellResult } from './cell.ts';

/** What was measured so far, as JSON; a run goes on where an earlier one ended. */
export class ResultFile {
  readonly #path: string;
  readonly #results: Map<string, CellResult>;

  constructor(path: string) {
    this.#path = path;
    this.#results = new Map(readResults(path).map((result) => [cellName(result), result]));
  }

  get results(): readonly CellResult[] {
    return [...this.#results.values()];
  }

  has(cell: CellName): boolean {
    return this.#results.has(cellName(cell));
  }

  /** Keeps a result in place of an older one of the same cell. */
  put(result: CellResult): void {
    this.#results.set(cellName(result), result);
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, `${JSON.stringify(this.results, null, 2)}\n`);
  }
}

type CellName = Pick<CellResult, 'fault' | 'mode' | 'role'>;

/** One word for each cell. */
export function cellName({ fault, mode, role }: CellName): string {
  return `${mode}/${fault}/${role}`;
}

function readResults(path: string): readonly CellResult[] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CellResult[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
