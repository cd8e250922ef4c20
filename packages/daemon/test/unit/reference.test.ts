import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { configReference, EXAMPLE_CONFIG } from '../../src/config/reference.ts';

it('the reference page is what the code generates', async () => {
  const page = new URL('../../../../docs/reference/config.md', import.meta.url);
  expect(await readFile(page, 'utf8')).toBe(configReference());
});

it('the example of the reference page is valid', () => {
  expect(parseConfig(EXAMPLE_CONFIG).config.vrrp?.groups[0]?.instance.name).toBe('G1');
});
