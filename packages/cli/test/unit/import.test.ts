import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '@raftwall/daemon/config';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Conversion, convert, type VrrpHints } from '../../src/import/convert.ts';
import { type Body, conntrackdGrammar } from '../../src/import/grammar.ts';
import { parseConntrackd, type Statement } from '../../src/import/parser.ts';
import { SyntaxFault } from '../../src/import/token.ts';
import { configText } from '../../src/import/yaml.ts';

const full = readFileSync(new URL('../fixtures/conntrackd-full.conf', import.meta.url), 'utf8');
const hints: VrrpHints = {
  virtualAddresses: ['192.168.0.100', '192.168.1.100'],
  instance: { kind: 'group', name: 'G1' },
};

const converted = (text: string): Conversion => convert(parseConntrackd(text), hints);
const inFilter = (text: string): Conversion => converted(`General { Filter { ${text} } }`);

/** As a person would fill it in. */
function filledIn(text: string): string {
  let port = 7700;
  return text
    .replace(/^ {2}tls: .*$/m, '  insecure: true')
    .replaceAll('"FILL-IN"', () => `"10.77.0.1:${port++}"`)
    .replaceAll('[FILL-IN]', '["192.168.0.100"]')
    .replaceAll('FILL-IN', 'edge');
}

describe('grammar of conntrackd.conf', () => {
  it('knows every statement that the grammar has, by a fixture that has them all', () => {
    const missing: string[] = [];
    const compare = (body: Body, statements: readonly Statement[]): void => {
      if ('items' in body) return;
      for (const [keyword, forms] of Object.entries(body.statements)) {
        const found = statements.filter((it) => it.keyword === keyword);
        if (found.length === 0) missing.push(keyword);
        const inner = found.flatMap((it) => it.body ?? []);
        for (const form of forms)
          if (form.body !== undefined && inner.length > 0) compare(form.body, inner);
      }
    };
    compare(conntrackdGrammar, parseConntrackd(full));
    expect(missing).toEqual([]);
  });

  it('gives words, blocks and places, however it is laid out', () => {
    expect(parseConntrackd('General{HashSize 1}\n # x {\n Sync { Mode ftfw{} }')).toEqual([
      {
        ...{ keyword: 'General', words: [], line: 1, column: 1 },
        body: [{ keyword: 'HashSize', words: ['1'], body: null, line: 1, column: 9 }],
      },
      {
        ...{ keyword: 'Sync', words: [], line: 3, column: 2 },
        body: [{ keyword: 'Mode', words: ['ftfw'], body: [], line: 3, column: 9 }],
      },
    ]);
    expect(parseConntrackd('')).toEqual([]);
  });

  it.each([
    [
      'Genral { }',
      'line 1, column 1: unknown statement Genral; known here: General, Sync, Stats, Helper',
    ],
    ['General {\n  HashSize many\n}', 'line 2, column 12: HashSize wants a number, found many'],
    ['General {\n  HashSize\n}', 'line 3, column 1: HashSize wants a number, found }'],
    [
      'General { LogFile maybe }',
      'line 1, column 19: LogFile wants on or off, or an absolute path, found maybe',
    ],
    [
      'General { Filter From Nowhere { } }',
      'line 1, column 23: Filter wants Userspace or Kernelspace, found Nowhere',
    ],
    [
      'Sync { Mode FTFW { RefreshTime 15 } }',
      /^line 1, column 20: unknown statement RefreshTime; known here: ResendQueueSize/,
    ],
    ['Sync { Mode FTFW }', 'line 1, column 18: Mode wants {, found }'],
    [
      'Sync { UDP { IPv4_address fd00::1 } }',
      'line 1, column 27: IPv4_address wants an IPv4 address, found fd00::1',
    ],
    [
      'General {',
      'line 1, column 10: expected a statement or } of General, found the end of the file',
    ],
    ['}', 'line 1, column 1: expected a section, found }'],
    ['General { LockFile "/x }', 'line 1, column 20: a quotation mark without a second one'],
  ])('%j: %s', (text, message) => {
    expect(() => parseConntrackd(text)).toThrow(SyntaxFault);
    expect(() => parseConntrackd(text)).toThrow(message);
  });

  it('ends in statements or in a fault with a place, whatever the text', () => {
    const pieces = full.split(/(\s+|[{}])/);
    const piece = fc.oneof(fc.constantFrom(...pieces, '"', '#', '\0', '{{', '}}'), fc.string());
    const mutated = fc
      .tuple(fc.nat(pieces.length - 1), fc.nat(3), fc.array(piece, { maxLength: 4 }))
      .map(([at, count, put]) => pieces.toSpliced(at, count, ...put).join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), mutated), (text) => {
        try {
          configText(converted(text), hints);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxFault);
          const { line, column } = (error as SyntaxFault).place;
          const lines = text.split('\n');
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('import', () => {
  it('gives a configuration that is valid once it is filled in, and not before', () => {
    const text = configText(converted(full), hints);
    expect(() => parseConfig(text)).toThrow(/cluster\.members\[2\]\.address: is "FILL-IN"/);
    const { config } = parseConfig(filledIn(text));
    expect(config.cluster.members.slice(0, 2).map(({ address }) => address.text)).toEqual([
      '172.16.0.1:7650',
      '172.16.0.2:7650',
    ]);
    expect(config.cluster.virtualAddresses).toEqual(hints.virtualAddresses);
    expect(config.vrrp?.groups[0]?.instance).toEqual({ kind: 'GROUP', name: 'G1' });
    expect(config.kernel).toMatchObject({
      eventBufferBytes: 134_217_728,
      tcpWindowTracking: 'strict',
    });
    const { protocols, tcpStates, ignoreAddresses } = config.capture.filter;
    expect(protocols).toEqual([6, 132, 33, 17, 1, 58, 50]);
    expect(tcpStates).toEqual([3, 8, 7, 5]);
    expect(ignoreAddresses.slice(-2)).toEqual(['10.9.0.0/16', 'fd00:1::/64']);
    expect(ignoreAddresses).toContain('127.0.0.0/8');
  });

  it('without keepalived.conf, and of an empty file, marks what is unknown', () => {
    const nothing: VrrpHints = { virtualAddresses: [], instance: null };
    const text = configText(convert([], nothing), nothing);
    expect(text).toContain('virtualAddresses: [FILL-IN]');
    expect(text).toContain('instance: { group: FILL-IN }');
    expect(parseConfig(filledIn(text)).config.vrrp?.mode).toBe('follow');
  });

  it('says of every statement what became of it', () => {
    const { notes } = converted(full);
    expect(notes.filter(({ text }) => /not known/.test(text))).toEqual([]);
    const lines = new Set(notes.map(({ line }) => line));
    for (const [i, line] of full.split('\n').entries()) {
      // Sections, and what stands in those that are explained as a whole.
      const isSilent = /^\s*(#|$|\}|Sync|General|Options|Filter|Address|Type|IPv[46]_|Type)/.test(
        line,
      );
      if (!isSilent) expect(lines, line).toContain(i + 1);
    }
    const saying = (pattern: RegExp) => notes.filter(({ statement }) => pattern.test(statement));
    expect(saying(/^PollSecs 15/)[0]?.text).toMatch(/always listens to events/);
    expect(saying(/^Mode alarm/)[0]?.text).toMatch(/no mode of regular repetition/);
    expect(saying(/^Helper/)[0]?.text).toMatch(/helpers in user space are no part/);
  });

  it('does not shut out what is translated to a virtual address', () => {
    const { capture, notes } = converted(full);
    expect(JSON.stringify(capture)).not.toContain('192.168.0.100');
    const of = (address: string) => notes.find(({ statement }) => statement.endsWith(address));
    expect(of('192.168.0.100')).toMatchObject({ verdict: 'none' });
    expect(of('172.16.0.1')).toBeDefined();
    expect(of('198.51.100.7')).toMatchObject({
      verdict: 'check',
      text: /translated to it/ as never,
    });
  });

  it('turns what is ignored into what is left', () => {
    const { capture } = inFilter(
      'Protocol Ignore { UDP ICMP } State Ignore { SYN_SENT LISTEN for TCP }',
    );
    expect(capture).toEqual({
      filter: {
        protocols: ['tcp', 'icmpv6', 'sctp', 'dccp', 'gre'],
        tcpStates: [
          ...[
            'syn_recv',
            'established',
            'fin_wait',
            'close_wait',
            'last_ack',
            'time_wait',
            'close',
          ],
        ],
      },
    });
    const { capture: only } = inFilter('Address Accept { IPv4_address 10.1.2.3/8 }');
    expect(only).toEqual({ filter: { addresses: ['10.0.0.0/8'] } });
  });

  it('says what it cannot know: a protocol without a name here', () => {
    const { notes } = inFilter('Protocol Accept { TCP Mystery }');
    expect(notes.find(({ verdict }) => verdict === 'check')?.statement).toBe('Mystery');
  });

  const examples = '/usr/share/doc/conntrackd/examples';
  const shipped = (
    existsSync(examples) ? readdirSync(examples, { recursive: true, encoding: 'utf8' }) : []
  ).filter((file) => file.endsWith('conntrackd.conf'));
  it.skipIf(shipped.length === 0)(
    `reads what Debian's conntrackd ships (${shipped.length || 'it is not installed, so none'})`,
    () => {
      for (const file of shipped) {
        const text = configText(converted(readFileSync(join(examples, file), 'utf8')), hints);
        expect(() => parseConfig(filledIn(text)), file).not.toThrow();
      }
    },
  );
});
