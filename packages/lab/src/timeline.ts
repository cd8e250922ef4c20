/** How an event is meant; it chooses the colour. */
export type Tone = 'plain' | 'good' | 'bad' | 'fault';

/** One event of a run. */
export interface TimelineEvent {
  /** Milliseconds since the timeline began. */
  readonly atMs: number;
  readonly tone: Tone;
  readonly text: string;
}

const COLOURS: Readonly<Record<Tone, string>> = { plain: '', good: '32', bad: '31', fault: '33' };
const MARKS: Readonly<Record<Tone, string>> = { plain: '·', good: '+', bad: '!', fault: 'x' };

/** Where a timeline shows its events as they come. */
export interface TimelineOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Collects what happens in a run, with the time since its beginning, and shows it to people. */
export class Timeline {
  readonly events: TimelineEvent[] = [];
  readonly #output: TimelineOutput | null;
  readonly #coloured: boolean;
  #begin = performance.now();

  /** Without an output it only collects. Colours go to terminals alone, and not with NO_COLOR set. */
  constructor(output: TimelineOutput | null = null) {
    this.#output = output;
    this.#coloured = output?.isTTY === true && !process.env['NO_COLOR'];
  }

  /** Sets the time to zero. */
  restart(): void {
    this.#begin = performance.now();
  }

  heading(text: string): void {
    const line = '─'.repeat(Math.max(0, 76 - text.length));
    this.#output?.write(`\n${this.#paint('1', `── ${text} ${line}`)}\n`);
  }

  note(text: string, tone: Tone = 'plain'): void {
    const event = { atMs: performance.now() - this.#begin, tone, text };
    this.events.push(event);
    this.#output?.write(`${this.#line(event)}\n`);
  }

  virtualAddress(node: string, present: boolean): void {
    this.note(`${node} ${present ? 'holds' : 'no longer holds'} the virtual addresses`);
  }

  /** All events as text, without colours. */
  toString(): string {
    return this.events.map((event) => plainLine(event)).join('\n');
  }

  #line(event: TimelineEvent): string {
    return this.#paint(COLOURS[event.tone], plainLine(event));
  }

  #paint(colour: string, text: string): string {
    return this.#coloured && colour !== '' ? `\u001b[${colour}m${text}\u001b[0m` : text;
  }
}

function plainLine(event: TimelineEvent): string {
  return `${(event.atMs / 1000).toFixed(3).padStart(8)} s  ${MARKS[event.tone]} ${event.text}`;
}
