import { once } from 'node:events';
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/testing/random.ts';

/** One direction between two members, for all of their connections. */
export class Link {
  isCut = false;
  #isBlocked = false;
  #delayMs: () => number = () => 0;
  #whenHealed = Promise.resolve();
  #onHealed: () => void = () => undefined;

  block(): void {
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    this.#whenHealed = new Promise((resolve) => {
      this.#onHealed = resolve;
    });
  }

  delay(delayMsMax: number, random: Random): void {
    this.#delayMs = () => random.between(0, delayMsMax);
  }

  heal(): void {
    this.isCut = false;
    this.#isBlocked = false;
    this.#delayMs = () => 0;
    this.#onHealed();
  }

  /**
   * Carries bytes until the source ends; what was on its way then still arrives. While a chunk waits, the source is not
   * read, so that memory has a limit. Rejects when one of the sockets fails.
   */
  async pipe(source: net.Socket, sink: net.Socket): Promise<void> {
    for await (const chunk of source) {
      const delayMs = this.#delayMs();
      if (delayMs > 0) await sleep(delayMs);
      await this.#whenHealed;
      if (sink.destroyed) return;
      if (!sink.write(chunk)) await Promise.race([once(sink, 'drain'), once(sink, 'close')]);
    }
    sink.end();
  }
}
