import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const source = join(import.meta.dirname, '..', '..', 'src');
const modules = join(import.meta.dirname, '..', '..', '..', '..', 'node_modules');

/** One change of the sources: `from` must stand exactly once in `file`. */
export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function compile(text: string): string {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

function patched(text: string, { file, from, to }: Patch): string {
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new Error(`${file} has ${parts.length - 1} places like this, expected one: ${from}`);
  }
  return parts.join(to);
}

/** The library's sources as they are now, compiled, so that worker threads run them at full speed and broken on purpose. */
export class CompiledSources {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(): Promise<CompiledSources> {
    const directory = await mkdtemp(join(tmpdir(), 'raft-ts-sources-'));
    const compiled = new CompiledSources(directory);
    await cp(source, directory, { recursive: true });
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }\n');
    await symlink(modules, join(directory, 'node_modules'));
    const names = await readdir(source, { recursive: true });
    for (const name of names.filter((file) => file.endsWith('.ts'))) await compiled.#compile(name);
    return compiled;
  }

  /** A compiled file below `src`, named as its source. */
  url(name: string): URL {
    return pathToFileURL(join(this.#directory, name.replace(/\.ts$/, '.js')));
  }

  /** Breaks the sources, runs `action`, and mends them. */
  async withPatches<T>(patches: readonly Patch[], action: () => Promise<T>): Promise<T> {
    const files = [...new Set(patches.map(({ file }) => file))];
    for (const file of files) {
      const ofFile = patches.filter((patch) => patch.file === file);
      await this.#compile(file, (text) => ofFile.reduce(patched, text));
    }
    try {
      return await action();
    } finally {
      for (const file of files) await this.#compile(file);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #compile(name: string, change = (text: string) => text): Promise<void> {
    const text = change(await readFile(join(source, name), 'utf8'));
    await writeFile(this.url(name), compile(text));
  }
}
