import { configFields } from './draft.ts';
import type { Field } from './field.ts';

const HEAD = `# Configuration of raftwalld

One YAML file, by default \`/etc/raftwall/raftwall.yaml\`. \`raftwalld --check --config FILE\` validates it: each fault is one
line on stderr with the key, what is wrong, what is allowed and the place in the file, and the exit code is 78. Unknown keys are faults.

This page is generated from the code (\`npm run docs\` in \`packages/daemon\`).
`;

const EXAMPLE = `## Example

\`\`\`yaml
cluster:
  name: edge
  members:
    - { id: fw1, address: "10.77.0.1:7650" }
    - { id: fw2, address: "10.77.0.2:7650" }
    - { id: fw3, address: "10.77.0.3:7650" }
  virtualAddresses: ["192.168.0.100", "192.168.1.100"]
node:
  id: fw1
peers:
  tls: { ca: /etc/raftwall/pki/ca.pem, cert: /etc/raftwall/pki/fw1.pem, key: /etc/raftwall/pki/fw1.key }
vrrp:
  instance: { group: G1 }
\`\`\`
`;

/** @returns The reference page of all keys, as Markdown. */
export function configReference(): string {
  const sections = Object.entries(configFields).map(([name, field]) => sectionText(name, field));
  return [HEAD, EXAMPLE, ...sections].join('\n');
}

/** The YAML of the page's example. */
export const EXAMPLE_CONFIG = EXAMPLE.split('```')[1]?.replace(/^yaml\n/, '') ?? '';

function sectionText(name: string, field: Field<unknown>): string {
  const need = field.required ? 'Required.' : 'May be left out.';
  const rows = rowsOf(name, field.children ?? {});
  return [
    `## ${name}`,
    '',
    `${field.summary} ${need}`,
    '',
    '| key | meaning | allowed | default |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function rowsOf(prefix: string, fields: Readonly<Record<string, Field<unknown>>>): string[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    const path = `${prefix}.${key}`;
    const isList = field.allowed.startsWith('a list');
    const below =
      field.children === null ? [] : rowsOf(isList ? `${path}[]` : path, field.children);
    const cells = [`\`${path}\``, field.summary, field.allowed, defaultOf(field)];
    return [`| ${cells.map(escapeCell).join(' | ')} |`, ...below];
  });
}

function defaultOf(field: Field<unknown>): string {
  if (field.required) return 'required';
  if (field.children !== null && field.defaultText === '{}') return '';
  return field.defaultText === null ? 'none' : `\`${field.defaultText}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
