/** One command of a script and the lines that it answers with. */
interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

/** What runs commands: one line in, lines out. */
export type Execute = (command: string) => readonly string[];

type Part = string | Step;

function parse(text: string): Part[] {
  const parts: Part[] = [];
  for (const line of text.split('\n')) {
    // Output is indented; it is replaced by what the command answers now.
    if (line.startsWith('  ')) continue;
    if (line.startsWith('> ')) parts.push({ command: line.slice(2), output: [] });
    else parts.push(line);
  }
  return parts;
}

/**
 * Runs a script and returns it with the output that its commands have now. A script is text to read, in which a line
 * beginning with `> ` is a command and the indented lines below it are its output.
 */
export function rerun(text: string, execute: Execute): string {
  const lines = parse(text).flatMap((part) => {
    if (typeof part === 'string') return [part];
    const output = execute(part.command).map((line) => `  ${line}`);
    return [`> ${part.command}`, ...output];
  });
  return lines.join('\n');
}
