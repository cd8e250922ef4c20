import { readFile } from 'node:fs/promises';
import { type Document, isCollection, isNode, LineCounter, parseDocument } from 'yaml';
import { assemble } from './assemble.ts';
import { checkAcrossKeys } from './cross-checks.ts';
import { configFields } from './draft.ts';
import { ConfigError, Faults, type Path } from './fault.ts';
import { mapping } from './field.ts';
import type { DaemonConfig } from './options.ts';
import { warningsOf } from './warnings.ts';

/** Largest configuration file in bytes; a cluster of 64 members needs a few thousand. */
const FILE_BYTES_MAX = 1 << 20;

/** A configuration without faults, and what a person should know about it all the same. */
export interface LoadedConfig {
  readonly config: DaemonConfig;
  readonly warnings: readonly string[];
}

/**
 * Reads and validates a configuration file.
 * @throws {ConfigError} If the file cannot be read or has faults; all of them are named.
 */
export async function readConfigFile(file: string): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fileFault(`cannot be read: ${reason}`, `a readable YAML file at ${file}`);
  }
  return parseConfig(text);
}

/**
 * Validates the text of a configuration.
 * @throws {ConfigError} If it has faults; all of them are named.
 */
export function parseConfig(text: string): LoadedConfig {
  if (text.length > FILE_BYTES_MAX) {
    throw fileFault('is too long', `at most ${FILE_BYTES_MAX} characters`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = new Faults((path) => placeOf(document, lines, path));
  const draft = mapping(configFields).read(toPlainValue(document, lines), [], faults);
  if (draft !== undefined) checkAcrossKeys(draft, faults);
  if (draft === undefined || faults.list.length > 0) throw new ConfigError(faults.list);
  const config = assemble(draft);
  return { config, warnings: warningsOf(config) };
}

function toPlainValue(document: Document.Parsed, lines: LineCounter): unknown {
  const faults = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { key: '(file)', problem: `is not YAML: ${error.message}`, line, column: col };
  });
  if (faults.length > 0) throw new ConfigError(faults.map((it) => ({ ...it, allowed: null })));
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw fileFault(`is not YAML: ${error instanceof Error ? error.message : error}`, null);
  }
}

function placeOf(document: Document.Parsed, lines: LineCounter, path: Path) {
  const parent = path.length === 0 ? null : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  // The key itself says more than the value behind it, which may begin on a later line.
  const items = isCollection(parent) ? parent.items : [];
  const pair = items.find((item) => isPairOf(item, last));
  const node = pair === undefined ? document.getIn(path, true) : pair.key;
  if (!isNode(node) || !node.range) return null;
  const { line, col } = lines.linePos(node.range[0]);
  return { line, column: col };
}

function isPairOf(item: unknown, key: Path[number] | undefined): item is { key: unknown } {
  if (typeof item !== 'object' || item === null || !('key' in item)) return false;
  return isNode(item.key) && 'value' in item.key && item.key.value === key;
}

function fileFault(problem: string, allowed: string | null): ConfigError {
  return new ConfigError([{ key: '(file)', problem, allowed, line: null, column: null }]);
}
