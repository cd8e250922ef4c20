/** Work of which only one piece may be under way: whoever comes meanwhile waits, in order. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `work` when it is its turn; resolves or rejects as it does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}
