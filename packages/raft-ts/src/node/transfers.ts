import type { NodeId } from '../core/types.ts';
import { TransferFailedError } from '../errors.ts';

interface Transfer {
  readonly target: NodeId;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: TransferFailedError) => void;
}

/** Transfers that this member asked for, until the target is seen to lead. */
export class Transfers {
  #waiting: Transfer[] = [];

  wait(target: NodeId, deadlineMs: number): { done: Promise<void>; fail: (why: string) => void } {
    let fail: (why: string) => void = () => {};
    const done = new Promise<void>((resolve, reject) => {
      const transfer = { target, deadlineMs, resolve, reject };
      this.#waiting.push(transfer);
      fail = (why) => this.#end(transfer, why);
    });
    return { done, fail };
  }

  leaderChanged(leader: NodeId | null): void {
    for (const transfer of [...this.#waiting]) {
      if (transfer.target === leader) this.#end(transfer, null);
    }
  }

  expire(nowMs: number): void {
    for (const transfer of [...this.#waiting]) {
      if (transfer.deadlineMs <= nowMs) this.#end(transfer, 'not done in time');
    }
  }

  failAll(why: string): void {
    for (const transfer of [...this.#waiting]) this.#end(transfer, why);
  }

  #end(transfer: Transfer, failure: string | null): void {
    const at = this.#waiting.indexOf(transfer);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    if (failure === null) transfer.resolve();
    else transfer.reject(new TransferFailedError(transfer.target, failure));
  }
}
