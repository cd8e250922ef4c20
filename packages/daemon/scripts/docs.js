// Writes the reference page of the configuration; run after a build.
import { writeFile } from 'node:fs/promises';
import { configReference } from '../dist/index.js';

await writeFile(new URL('../../../docs/reference/config.md', import.meta.url), configReference());
