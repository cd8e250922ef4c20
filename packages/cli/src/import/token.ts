/** A place in a file, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A word, a brace, or the end of the file. */
export interface Token extends Place {
  readonly kind: 'word' | '{' | '}' | 'end';
  /** Of a word, without quotes; of the others what people call them. */
  readonly text: string;
}

/** Thrown when a file does not follow its grammar; `message` begins with the place. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
  readonly code = 'RAFTWALL_IMPORT_SYNTAX';
  readonly place: Place;

  constructor(place: Place, problem: string) {
    super(`line ${place.line}, column ${place.column}: ${problem}`);
    this.place = { line: place.line, column: place.column };
  }
}

const pieces = /(?<blank>[ \t\r]+|#.*)|(?<brace>[{}])|"(?<quoted>[^"]*)"|(?<word>[^\s{}#"]+)/y;

/**
 * Splits the text of a conntrackd.conf: words are parted by blanks, line ends count for nothing but comments.
 *
 * @returns At least one token; the last is the end.
 * @throws {SyntaxFault} If a quotation mark has no second.
 */
export function tokensOf(text: string): readonly Token[] {
  const lines = text.split('\n');
  const tokens = lines.flatMap((line, i) => lineTokens(line, i + 1));
  const column = (lines.at(-1)?.length ?? 0) + 1;
  return [...tokens, { kind: 'end', text: 'the end of the file', line: lines.length, column }];
}

function lineTokens(text: string, line: number): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at = pieces.lastIndex) {
    pieces.lastIndex = at;
    const place = { line, column: at + 1 };
    const found = pieces.exec(text)?.groups;
    if (found === undefined) throw new SyntaxFault(place, 'a quotation mark without a second one');
    const { brace, quoted, word } = found;
    if (brace !== undefined) tokens.push({ kind: brace as '{' | '}', text: brace, ...place });
    const words = word ?? quoted;
    if (words !== undefined) tokens.push({ kind: 'word', text: words, ...place });
  }
  return tokens;
}
