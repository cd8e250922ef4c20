import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel } from '@raftwall/replicator';

/** The same kernel, whose commands take `delayMs` longer. */
export function slowKernel(real: Kernel, delayMs: () => number): Kernel {
  return new Proxy(real, {
    get(target, name) {
      if (name === 'execute') {
        return async (...args: Parameters<Kernel['execute']>) => {
          if (delayMs() > 0) await sleep(delayMs());
          return target.execute(...args);
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
