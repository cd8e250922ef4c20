/** What is called with the values of an event. */
export type Listener<A extends readonly unknown[]> = (...values: A) => void;

/**
 * Typed events. A listener that throws is a defect of its owner: the error surfaces as an uncaught exception in a
 * microtask and never reaches the consensus code.
 */
export class Emitter<Events extends Record<keyof Events, readonly unknown[]>> {
  readonly #listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  /** Returns the way to stop listening. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners[name] ?? new Set<Listener<Events[Name]>>();
    this.#listeners[name] = listeners;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** As `on`, for the next event of this name only. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(name, (...values: Events[Name]) => {
      stop();
      listener(...values);
    });
    return stop;
  }

  /** Calls the listeners in the order in which they came. */
  protected emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(...values);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
