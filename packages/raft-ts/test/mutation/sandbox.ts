import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

/**
 * A copy of sources and tests as JavaScript, below `node_modules` so that dependencies are found, in which sources can be
 * changed and tests run without vitest.
 */
export class Sandbox {
  readonly root: string;

  constructor() {
    const cache = path.join(packageRoot, '../../node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    this.root = mkdtempSync(path.join(cache, 'raft-ts-mutation-'));
    for (const folder of ['src', 'test']) this.#copy(folder);
    const shim = "export * from '../../test/mutation/collector.js';\n";
    this.#put('node_modules/vitest/index.js', shim);
    this.#put('node_modules/vitest/package.json', '{"type":"module","main":"index.js"}');
    this.#put('package.json', '{"type":"module"}');
  }

  /** Text of a source as it is in the repository, `file` below the package. */
  original(file: string): string {
    return readFileSync(path.join(packageRoot, file), 'utf8');
  }

  /** Puts another text in the place of a TypeScript file. */
  write(file: string, text: string): void {
    const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: file });
    this.#put(file.replace(/\.ts$/, '.js'), outputText);
  }

  restore(file: string): void {
    this.write(file, this.original(file));
  }

  /** Where a TypeScript file of the package is here. */
  pathOf(file: string): string {
    return path.join(this.root, file.replace(/\.ts$/, '.js'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  #copy(folder: string): void {
    const from = path.join(packageRoot, folder);
    const files = readdirSync(from, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(packageRoot, path.join(entry.parentPath, entry.name)));
    for (const file of files) {
      if (file.endsWith('.ts')) this.restore(file);
      else this.#put(file, this.original(file));
    }
  }

  #put(file: string, text: string): void {
    const target = path.join(this.root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
}

/** Test files below folders of the package, relative to it. */
export function testFiles(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `${folder}/${file}`)
      .sort(),
  );
}
