import ts from 'typescript';

/** One small change of a source. */
export interface Mutant {
  readonly id: number;
  /** Name that survives other changes of the file: where, what stood there and what stands there now. */
  readonly key: string;
  readonly file: string;
  readonly line: number;
}

/** A source in which every mutant can be switched on by its id, `globalThis.mutants.active`. */
export interface MutatedSource {
  readonly text: string;
  readonly mutants: readonly Mutant[];
}

const swapped = new Map<ts.SyntaxKind, readonly string[]>([
  [ts.SyntaxKind.LessThanToken, ['<=', '>=']],
  [ts.SyntaxKind.LessThanEqualsToken, ['<', '>']],
  [ts.SyntaxKind.GreaterThanToken, ['>=', '<=']],
  [ts.SyntaxKind.GreaterThanEqualsToken, ['>', '<']],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ['!==']],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, ['===']],
  [ts.SyntaxKind.PlusToken, ['-']],
  [ts.SyntaxKind.MinusToken, ['+']],
  [ts.SyntaxKind.AsteriskToken, ['/']],
  [ts.SyntaxKind.GreaterThanGreaterThanToken, ['<<']],
  [ts.SyntaxKind.AmpersandAmpersandToken, ['||']],
  [ts.SyntaxKind.BarBarToken, ['&&']],
  [ts.SyntaxKind.QuestionQuestionToken, ['&&']],
  [ts.SyntaxKind.PlusEqualsToken, ['-=']],
  [ts.SyntaxKind.MinusEqualsToken, ['+=']],
]);

const swappedMethods = new Map([
  ['min', 'max'],
  ['max', 'min'],
  ['some', 'every'],
  ['every', 'some'],
  ['endsWith', 'startsWith'],
]);

/** Puts other text in the place of parts of a node. */
function splice(
  source: ts.SourceFile,
  node: ts.Node,
  parts: readonly { readonly node: ts.Node; readonly text: string }[],
): string {
  let at = node.getStart(source);
  let out = '';
  for (const part of [...parts].sort((a, b) => a.node.pos - b.node.pos)) {
    const start = part.node.getStart(source);
    out += source.text.slice(at, start) + part.text;
    at = part.node.end;
  }
  return out + source.text.slice(at, node.end);
}

function isCondition(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isIfStatement(parent) || ts.isWhileStatement(parent)) return parent.expression === node;
  if (ts.isConditionalExpression(parent) || ts.isForStatement(parent))
    return parent.condition === node;
  return false;
}

function isLoopCondition(node: ts.Node): boolean {
  return ts.isWhileStatement(node.parent) || ts.isForStatement(node.parent);
}

/** Texts that could stand in the place of an expression. */
function expressionMutants(source: ts.SourceFile, node: ts.Expression): string[] {
  const found: string[] = [];
  if (ts.isBinaryExpression(node)) {
    for (const operator of swapped.get(node.operatorToken.kind) ?? []) {
      found.push(splice(source, node, [{ node: node.operatorToken, text: operator }]));
    }
  } else if (ts.isPrefixUnaryExpression(node)) {
    const operand = node.operand.getText(source);
    if (node.operator === ts.SyntaxKind.ExclamationToken) found.push(operand);
    if (node.operator === ts.SyntaxKind.PlusPlusToken) found.push(`--${operand}`);
  } else if (ts.isPostfixUnaryExpression(node)) {
    const isUp = node.operator === ts.SyntaxKind.PlusPlusToken;
    found.push(`${node.operand.getText(source)}${isUp ? '--' : '++'}`);
  } else if (node.kind === ts.SyntaxKind.TrueKeyword) found.push('false');
  else if (node.kind === ts.SyntaxKind.FalseKeyword) found.push('true');
  else if (ts.isNumericLiteral(node)) found.push(`${Number(node.text) + 1}`);
  else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const method = swappedMethods.get(node.expression.name.text);
    if (method !== undefined) {
      found.push(splice(source, node, [{ node: node.expression.name, text: method }]));
    }
  }
  if (isCondition(node)) found.push(...(isLoopCondition(node) ? ['false'] : ['true', 'false']));
  return found.filter((text) => text !== node.getText(source));
}

/** Statements that can be left out. */
function isRemovable(node: ts.Node): node is ts.Statement {
  if (ts.isExpressionStatement(node)) return true;
  if (ts.isReturnStatement(node)) return node.expression === undefined;
  return ts.isContinueStatement(node) || ts.isBreakStatement(node);
}

/** Assertions are true in every run of a right core: leaving them out, or changing them, changes nothing. */
function isAssertion(node: ts.Node): boolean {
  const call = ts.isExpressionStatement(node) ? node.expression : node;
  return ts.isCallExpression(call) && call.expression.getText() === 'assert';
}

function isSkipped(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    isAssertion(node)
  );
}

function ownerOf(node: ts.Node): string {
  for (let at: ts.Node | undefined = node.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isGetAccessor(at)) {
      if (at.name !== undefined) return at.name.getText();
    }
    if (ts.isConstructorDeclaration(at)) return 'constructor';
    if (ts.isPropertyDeclaration(at)) return at.name.getText();
  }
  return '';
}

function isInFunction(node: ts.Node): boolean {
  for (let at: ts.Node | undefined = node.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at) || ts.isPropertyDeclaration(at)) return true;
  }
  return false;
}

function short(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 100);
}

/** Finds the mutants of one source and builds the text that has all of them in it. */
export class Mutator {
  readonly #source: ts.SourceFile;
  readonly #file: string;
  readonly #mutants: Mutant[] = [];
  readonly #seen = new Map<string, number>();
  #nextId: number;

  constructor(file: string, text: string, firstId: number) {
    this.#file = file;
    this.#source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
    this.#nextId = firstId;
  }

  run(): MutatedSource {
    return { text: this.#emit(this.#source), mutants: this.#mutants };
  }

  #emit(node: ts.Node): string {
    if (isSkipped(node)) return node.getText(this.#source);
    const parts: { node: ts.Node; text: string }[] = [];
    ts.forEachChild(node, (child) => {
      if (child.getStart(this.#source) === child.end) return;
      parts.push({ node: child, text: this.#emit(child) });
    });
    const whole = splice(this.#source, node, parts);
    if (!isInFunction(node)) return whole;
    if (isRemovable(node)) {
      const id = this.#add(node, 'nothing');
      return `{ if (!mutants.is(${id})) { ${whole} } }`;
    }
    if (!ts.isExpression(node)) return whole;
    const choices = expressionMutants(this.#source, node).map(
      (text) => `mutants.is(${this.#add(node, text)}) ? (${text}) : `,
    );
    return choices.length === 0 ? whole : `(${choices.join('')}${whole})`;
  }

  #add(node: ts.Node, text: string): number {
    const id = this.#nextId++;
    const owner = ownerOf(node);
    const name = `${this.#file}${owner === '' ? '' : ` ${owner}`}`;
    const key = `${name}: ${short(node.getText(this.#source))} -> ${short(text)}`;
    const count = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, count);
    const { line } = this.#source.getLineAndCharacterOfPosition(node.getStart(this.#source));
    const unique = count === 1 ? key : `${key} (${count})`;
    this.#mutants.push({ id, key: unique, file: this.#file, line: line + 1 });
    return id;
  }
}
