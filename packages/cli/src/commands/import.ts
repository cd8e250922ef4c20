import { readFile } from 'node:fs/promises';
import type { Run } from '../context.ts';
import { CommandError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { type Conversion, convert, type VrrpHints } from '../import/convert.ts';
import { parseConntrackd } from '../import/parser.ts';
import { SyntaxFault } from '../import/token.ts';
import { configText } from '../import/yaml.ts';
import { type KeepalivedConf, parseKeepalived } from '../keepalived-conf.ts';
import { jsonText } from '../output/table.ts';

const nothingKnown: VrrpHints = { virtualAddresses: [], instance: null };

/** `import FILE`: the raftwall configuration that does what a conntrackd.conf did, and what became of each of its statements. */
export function importConfig(file: string, keepalivedFile: string | undefined): Run {
  return async ({ terminal, json }) => {
    const hints =
      keepalivedFile === undefined
        ? nothingKnown
        : hintsOf(parseKeepalived(await readText(keepalivedFile)));
    const conversion = conversionOf(file, await readText(file), hints);
    const config = configText(conversion, hints);
    await terminal.out(json ? jsonText({ config, notes: conversion.notes }) : config);
    return EXIT.done;
  };
}

function conversionOf(file: string, text: string, hints: VrrpHints): Conversion {
  try {
    return convert(parseConntrackd(text), hints);
  } catch (cause) {
    if (!(cause instanceof SyntaxFault)) throw cause;
    throw new CommandError(`${file}: ${cause.message}`, { cause });
  }
}

function hintsOf({ groups, instances }: KeepalivedConf): VrrpHints {
  const [group, instance] = [groups[0], instances[0]];
  const virtualAddresses = [...new Set(instances.flatMap(({ addresses }) => addresses))];
  if (groups.length === 1 && group !== undefined) {
    return { virtualAddresses, instance: { kind: 'group', name: group.name } };
  }
  const isOnly = groups.length === 0 && instances.length === 1 && instance !== undefined;
  return {
    virtualAddresses,
    instance: isOnly ? { kind: 'instance', name: instance.name } : null,
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`A file could not be read: ${reason}`, { cause });
  }
}
