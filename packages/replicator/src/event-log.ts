import type { NodeEvent } from './admin-port.ts';

const eventsKept = 500;

/** What happened on this node, for people: the newest few hundred, and whoever listens. */
export class EventLog {
  readonly #events: NodeEvent[] = [];
  readonly #listeners = new Set<(event: NodeEvent) => void>();

  add(kind: NodeEvent['kind'], message: string, details: NodeEvent['details']): void {
    const event = { atMs: Date.now(), kind, message, details };
    this.#events.push(event);
    if (this.#events.length > eventsKept) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Oldest first. */
  recent(): readonly NodeEvent[] {
    return this.#events;
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
