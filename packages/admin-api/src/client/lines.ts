import { StringDecoder } from 'node:string_decoder';
import { BadAnswerError } from './errors.ts';

const LINE_LENGTH_MAX = 1 << 20;

/** The lines of a UTF-8 stream without their ends; a last line without end counts too, if it is not empty. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new BadAnswerError('a line is too long');
    yield* lines;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
