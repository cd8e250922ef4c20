/** Longest line that is kept; keepalived's own are below 300 bytes. */
const LINE_BYTES_MAX = 1024;

/** Cuts a byte stream into lines, whatever the reads it arrives in; a line that is too long comes
 * out as the empty string, which no parser takes for a line. */
export class LineSplitter {
  #rest = '';
  #tooLong = false;

  /** @returns the lines that `chunk` completes, without their line feeds */
  push(chunk: Buffer): string[] {
    const parts = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = parts.pop() ?? '';
    const lines = parts.map((line) => (line.length > LINE_BYTES_MAX ? '' : line));
    if (this.#tooLong && lines.length > 0) {
      lines[0] = '';
      this.#tooLong = false;
    }
    if (this.#rest.length > LINE_BYTES_MAX) {
      this.#rest = '';
      this.#tooLong = true;
    }
    return lines;
  }
}
