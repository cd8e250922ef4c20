import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endProcess } from '../load/end-process.ts';
import { freeAddress } from '../load/free-address.ts';
import type { MemberAnswer, MemberRequest, MemberSetting, Standing } from './messages.ts';

const memberProcess = fileURLToPath(new URL('member-process.js', import.meta.url));
const ids = ['a', 'b', 'c'];
const timeoutMs = 20_000;

type Answer<K extends MemberAnswer['kind']> = Extract<MemberAnswer, { kind: K }>;

/** A member in a process of its own. */
class MemberProcess {
  readonly child: ChildProcess;

  constructor(setting: MemberSetting) {
    this.child = fork(memberProcess, [JSON.stringify(setting)], { serialization: 'advanced' });
  }

  /** @throws {Error} If the member fails or ends before it answers. */
  ask<K extends Exclude<MemberAnswer['kind'], 'edge' | 'failed'>>(
    request: Extract<MemberRequest, { kind: K }>,
    onEdge: (edge: 'begin' | 'end') => void = () => undefined,
  ): Promise<Answer<K>> {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const onExit = (): void => reject(new Error(`member process ${child.pid} has ended`));
      const onMessage = (answer: MemberAnswer): void => {
        if (answer.kind === 'edge') {
          onEdge(answer.edge);
          return;
        }
        stop();
        if (answer.kind === 'failed') reject(new Error(answer.message));
        else resolve(answer as Answer<K>);
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send(request);
    });
  }
}

/** Three members of raft-ts with flow tables, as processes on the loopback interface. */
export class RaftCluster {
  readonly #members: readonly MemberProcess[];
  readonly leader: MemberProcess;

  private constructor(members: readonly MemberProcess[], leader: MemberProcess) {
    this.#members = members;
    this.leader = leader;
  }

  /** @throws {Error} If they do not elect a leader in time. */
  static async start(directory: string): Promise<RaftCluster> {
    const addresses = await Promise.all(ids.map(freeAddress));
    const members = Object.fromEntries(ids.map((id, i) => [id, addresses[i]!]));
    const processes = ids.map(
      (id) => new MemberProcess({ id, directory: join(directory, id), members }),
    );
    try {
      return new RaftCluster(processes, await leaderOf(processes));
    } catch (error) {
      await Promise.all(processes.map(({ child }) => endProcess(child)));
      throw error;
    }
  }

  get pids(): readonly number[] {
    return this.#members.map(({ child }) => child.pid!);
  }

  /** Waits until all have applied the same. @throws {Error} If a table differs from the leader's then, or it takes too long. */
  async assertEqual(): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    while (performance.now() < deadlineMs) {
      const standings = await standingsOf(this.#members);
      const [first, ...others] = standings as [Standing, ...Standing[]];
      if (others.some(({ appliedIndex }) => appliedIndex !== first.appliedIndex)) continue;
      if (others.every(({ digest }) => digest === first.digest)) return first.flows;
      throw new Error(`the tables differ: ${JSON.stringify(standings)}`);
    }
    throw new Error(`the members were not level in ${timeoutMs} ms`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map(({ child }) => endProcess(child)));
  }
}

function standingsOf(members: readonly MemberProcess[]): Promise<readonly Standing[]> {
  return Promise.all(members.map((member) => member.ask({ kind: 'standing' })));
}

async function leaderOf(members: readonly MemberProcess[]): Promise<MemberProcess> {
  const deadlineMs = performance.now() + timeoutMs;
  while (performance.now() < deadlineMs) {
    const leader = (await standingsOf(members)).findIndex(({ isLeader }) => isLeader);
    if (leader >= 0) return members[leader]!;
  }
  throw new Error(`raft-ts elected no leader in ${timeoutMs} ms`);
}
