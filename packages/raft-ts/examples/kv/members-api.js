import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigChangeInProgressError, LearnerNotLevelError } from 'raft-ts';
import { failed, unavailable } from './answers.js';
import { RequestError, readText } from './request-body.js';

/**
 * @import { IncomingMessage } from 'node:http'
 * @import { NodeId, RaftNode } from 'raft-ts'
 * @import { Answer } from './answers.js'
 */

/** How long a new member may take to catch up, milliseconds. */
const promotionTimeoutMs = 30_000;
const retryMs = 100;

/**
 * `PUT /members/ID` with `HOST:PORT` adds a member, which gets the log first and votes when it is level.
 * `DELETE /members/ID` removes one. Asked of the leader.
 *
 * @param {RaftNode<unknown>} node
 * @param {IncomingMessage} request
 * @param {NodeId} id
 * @returns {Promise<Answer>}
 */
export async function changeMember(node, request, id) {
  const { method } = request;
  if (method !== 'PUT' && method !== 'DELETE') throw new RequestError(404, 'no such route');
  const address = await readText(request);
  try {
    if (method === 'DELETE') return done(await node.removeMember(id));
    if (!node.status().config.learners.includes(id)) await node.addLearner(id, address);
    return await promote(node, id);
  } catch (error) {
    return failed(error);
  }
}

/**
 * Asks again and again whether the learner is level. After the deadline it stays one; the request may be repeated.
 *
 * @param {RaftNode<unknown>} node
 * @param {NodeId} id
 */
async function promote(node, id) {
  const deadlineMs = performance.now() + promotionTimeoutMs;
  while (performance.now() < deadlineMs) {
    try {
      return done(await node.promote(id));
    } catch (error) {
      const isEarly =
        error instanceof LearnerNotLevelError || error instanceof ConfigChangeInProgressError;
      if (!isEarly) throw error;
      await sleep(retryMs);
    }
  }
  return unavailable('unknown');
}

/** @param {{ readonly voters: readonly NodeId[] }} config */
function done({ voters }) {
  return { status: 200, body: { voters } };
}
