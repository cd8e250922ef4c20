// Writes the reference page of the command line; run after a build.
import { writeFile } from 'node:fs/promises';
import { cliReference } from '../dist/index.js';

await writeFile(new URL('../../../docs/reference/cli.md', import.meta.url), cliReference());
