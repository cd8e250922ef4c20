import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel, KernelEventCursor, KernelHandlers } from '@raftwall/replicator';

/** What is wrong with a kernel now. */
export interface KernelFaults {
  /** Its commands take so much longer. */
  readonly applierDelayMs: number;
  /** What happens to flows is not heard of. */
  readonly loseEvents: boolean;
}

/** The same kernel with its faults, which are looked up at every call. */
export function faultyKernel(real: Kernel, faults: () => KernelFaults): Kernel {
  const replaced: Partial<Kernel> = {
    execute: async (batch) => {
      const { applierDelayMs } = faults();
      if (applierDelayMs > 0) await sleep(applierDelayMs);
      return real.execute(batch);
    },
    listen: (handlers) => real.listen(losingEvents(handlers, () => faults().loseEvents)),
  };
  return new Proxy(real, {
    get(target, name) {
      const value = Reflect.get(replaced, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function losingEvents(handlers: KernelHandlers, isLosing: () => boolean): KernelHandlers {
  return {
    onEvents: (events) => (isLosing() ? skip(events) : handlers.onEvents(events)),
    onExpectation: (kind, expectation) => handlers.onExpectation(kind, expectation),
    onMalformed: (messages) => handlers.onMalformed(messages),
    onOverrun: () => handlers.onOverrun(),
  };
}

function skip(events: KernelEventCursor): void {
  while (events.next());
}
