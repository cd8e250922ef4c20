import { type Body, conntrackdGrammar, type Form, type WordRule } from './grammar.ts';
import { type Place, SyntaxFault, type Token, tokensOf } from './token.ts';

/** A statement as it stands in the file; a mere word of a list is one without words and body. */
export interface Statement extends Place {
  /** In the grammar's spelling, a listed word in the file's. */
  readonly keyword: string;
  readonly words: readonly string[];
  /** Null: it has no block. */
  readonly body: readonly Statement[] | null;
}

/** Largest file in characters; real ones have a few thousand. */
const TEXT_LENGTH_MAX = 1 << 20;

/**
 * Reads a conntrackd.conf.
 *
 * @throws {SyntaxFault} At the first word that does not fit.
 */
export function parseConntrackd(text: string): readonly Statement[] {
  if (text.length > TEXT_LENGTH_MAX) {
    const problem = `the file is longer than ${TEXT_LENGTH_MAX} characters`;
    throw new SyntaxFault({ line: 1, column: 1 }, problem);
  }
  const parser = new Parser(tokensOf(text));
  return parser.block(conntrackdGrammar, 'the file');
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Everything up to the end of the block, which is taken too. */
  block(body: Body, where: string): readonly Statement[] {
    const isFile = where === 'the file';
    const statements: Statement[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === (isFile ? 'end' : '}')) return statements;
      if (token.kind !== 'word') {
        const wanted = isFile ? 'a section' : `a statement or } of ${where}`;
        throw new SyntaxFault(token, `expected ${wanted}, found ${token.text}`);
      }
      statements.push('items' in body ? item(token, body.items) : this.#statement(token, body));
    }
  }

  #statement(token: Token, { statements }: Body & { statements: object }): Statement {
    const wanted = token.text.toLowerCase();
    const keyword = Object.keys(statements).find((known) => known.toLowerCase() === wanted);
    if (keyword === undefined) {
      const known = Object.keys(statements).join(', ');
      throw new SyntaxFault(token, `unknown statement ${token.text}; known here: ${known}`);
    }
    const forms = (statements as Record<string, readonly Form[]>)[keyword] ?? [];
    const form = forms.find((one) => this.#mismatch(one) === null);
    if (form === undefined) throw this.#fault(keyword, forms);
    const words = form.words.map(() => this.#next().text);
    const { line, column } = token;
    if (form.body === undefined) return { keyword, words, body: null, line, column };
    this.#next();
    return { keyword, words, body: this.block(form.body, keyword), line, column };
  }

  /** What in the tokens ahead is not of this form: how many fit, and what was wanted instead of the next; null if all fit. */
  #mismatch({ words, body }: Form): { readonly fitting: number; readonly wanted: string } | null {
    const fitting = words.findIndex((rule, i) => !fits(this.#peek(i), rule));
    if (fitting >= 0) return { fitting, wanted: words[fitting]?.name ?? '' };
    if (body === undefined || this.#peek(words.length).kind === '{') return null;
    return { fitting: words.length, wanted: '{' };
  }

  #fault(keyword: string, forms: readonly Form[]): SyntaxFault {
    const mismatches = forms.flatMap((form) => this.#mismatch(form) ?? []);
    const furthest = Math.max(...mismatches.map(({ fitting }) => fitting));
    const wanted = mismatches.filter(({ fitting }) => fitting === furthest);
    const names = [...new Set(wanted.map((it) => it.wanted))].join(', or ');
    const found = this.#peek(furthest);
    return new SyntaxFault(found, `${keyword} wants ${names}, found ${found.text}`);
  }

  #peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  #next(): Token {
    const token = this.#peek(0);
    this.#at += 1;
    return token;
  }
}

function fits(token: Token, rule: WordRule): boolean {
  return token.kind === 'word' && rule.test.test(token.text);
}

function item(token: Token, rule: WordRule): Statement {
  if (!fits(token, rule))
    throw new SyntaxFault(token, `expected ${rule.name}, found ${token.text}`);
  return { keyword: token.text, words: [], body: null, line: token.line, column: token.column };
}
