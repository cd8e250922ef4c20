import type { Fault, FaultEffect } from 'raft-ts';

/** Messages with one member that are lost. */
export interface DroppedPeer {
  readonly peer: string;
  /** Seen from this node. */
  readonly direction: 'send' | 'receive' | 'both';
  /** Share of the messages that is lost, 0 to 1. */
  readonly probability: number;
}

/** What is broken in a node. */
export interface FaultPlan {
  readonly storage: readonly Fault[];
  /** Added to each batch of kernel commands. */
  readonly applierDelayMs: number;
  readonly dropPeers: readonly DroppedPeer[];
  /** Events of its kernel are lost, and nothing says so. */
  readonly loseEvents: boolean;
  /** Flows that its table forgets by itself when the plan is read. */
  readonly forgetFlows: number;
}

export const noFaults: FaultPlan = Object.freeze({
  storage: [],
  applierDelayMs: 0,
  dropPeers: [],
  loseEvents: false,
  forgetFlows: 0,
});

/** Thrown for a file that says something else than faults; the message names the place. */
export class FaultPlanError extends Error {
  readonly code = 'DAEMON_FAULT_PLAN_INVALID';

  constructor(place: string, expected: string, cause?: unknown) {
    super(`RAFTWALL_FAULTS: ${place} must be ${expected}`, { cause });
    this.name = 'FaultPlanError';
  }
}

/** @throws {FaultPlanError} If `text` is not a plan of faults as JSON. */
export function parseFaultPlan(text: string): FaultPlan {
  const keys = ['storage', 'applierDelayMs', 'dropPeers', 'loseEvents', 'forgetFlows'];
  const plan = objectAt('the file', parseJson(text), keys);
  return {
    storage: listAt('storage', plan['storage']).map(storageFault),
    applierDelayMs: numberAt('applierDelayMs', plan['applierDelayMs'] ?? 0, 60_000),
    dropPeers: listAt('dropPeers', plan['dropPeers']).map(droppedPeer),
    loseEvents: booleanAt('loseEvents', plan['loseEvents']),
    forgetFlows: numberAt('forgetFlows', plan['forgetFlows'] ?? 0),
  };
}

const calls = [
  ...(['open', 'read', 'write', 'dataSync'] as const),
  ...(['truncate', 'rename', 'remove', 'syncDirectory'] as const),
];

function storageFault(value: unknown, position: number): Fault {
  const place = `storage[${position}]`;
  const fault = objectAt(place, value, ['call', 'nth', 'path', 'isLasting', 'effect']);
  const { path } = fault;
  if (path !== undefined && typeof path !== 'string') {
    throw new FaultPlanError(`${place}.path`, 'a text');
  }
  return {
    call: oneOf(`${place}.call`, fault['call'], calls),
    nth: numberAt(`${place}.nth`, fault['nth'] ?? 1),
    ...(path === undefined ? {} : { path }),
    isLasting: booleanAt(`${place}.isLasting`, fault['isLasting']),
    effect: effectAt(`${place}.effect`, fault['effect']),
  };
}

function effectAt(place: string, value: unknown): FaultEffect {
  const effect = objectAt(place, value, ['kind', 'code', 'delayMs', 'bytes']);
  const kind = oneOf(`${place}.kind`, effect['kind'], ['error', 'delay', 'tear'] as const);
  if (kind === 'delay') return { kind, delayMs: numberAt(`${place}.delayMs`, effect['delayMs']) };
  if (kind === 'tear') return { kind, bytes: numberAt(`${place}.bytes`, effect['bytes']) };
  const { code } = effect;
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return { kind, code };
  throw new FaultPlanError(`${place}.code`, 'an errno name such as EIO');
}

function droppedPeer(value: unknown, position: number): DroppedPeer {
  const place = `dropPeers[${position}]`;
  const dropped = objectAt(place, value, ['peer', 'direction', 'probability']);
  const { peer, direction = 'both', probability = 1 } = dropped;
  if (typeof peer !== 'string') throw new FaultPlanError(`${place}.peer`, "a member's id");
  return {
    peer,
    direction: oneOf(`${place}.direction`, direction, ['send', 'receive', 'both'] as const),
    probability: numberAt(`${place}.probability`, probability, 1),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FaultPlanError('the file', 'JSON', error);
  }
}

function objectAt(
  place: string,
  value: unknown,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FaultPlanError(place, 'an object');
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new FaultPlanError(`${place}.${unknown}`, `absent; known are ${keys.join(', ')}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function listAt(place: string, value: unknown = []): readonly unknown[] {
  if (!Array.isArray(value)) throw new FaultPlanError(place, 'a list');
  return value;
}

function numberAt(place: string, value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw new FaultPlanError(place, `a number from 0 to ${max}`);
}

function booleanAt(place: string, value: unknown = false): boolean {
  if (typeof value === 'boolean') return value;
  throw new FaultPlanError(place, 'a boolean');
}

function oneOf<T extends string>(place: string, value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new FaultPlanError(place, `one of ${words.join(', ')}`);
  return found;
}
