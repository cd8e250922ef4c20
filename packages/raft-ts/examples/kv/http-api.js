import { createServer, STATUS_CODES } from 'node:http';
import { NotLeaderError } from 'raft-ts';
import { failed, misdirected, unavailable } from './answers.js';
import { encodeCommand } from './kv-store.js';
import { changeMember } from './members-api.js';
import { RequestError, readText } from './request-body.js';

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { Duplex } from 'node:stream'
 * @import { RaftNode } from 'raft-ts'
 * @import { Answer } from './answers.js'
 * @import { Command, KvStore, Outcome } from './kv-store.js'
 *
 * @typedef {{ node: RaftNode<Outcome | null>, store: KvStore }} Member
 */

const connectionsMax = 1024;
/** From a request's first byte to its last, milliseconds; a slower one is answered with 408. */
const requestTimeoutMs = 10_000;
/** What Node calls the fault, and how it is answered; everything else is a 400. */
const malformedStatus = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);
const lingerMs = 2000;
/** How long a read waits for this member to apply what it must see, milliseconds. */
const catchUpTimeoutMs = 2000;

/** @param {Member} member */
export function createHttpApi(member) {
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: 1000,
  };
  const server = createServer(limits, async (request, response) => {
    try {
      send(response, await route(member, request), server.listening);
    } catch (error) {
      // A client that went away in the middle of its request gets no answer, and nothing was done.
      if (!(error instanceof RequestError)) response.destroy();
      else send(response, { status: error.status, body: { error: error.message } }, false);
    }
  });
  server.maxConnections = connectionsMax;
  server.on('clientError', refuse);
  return server;
}

/**
 * Answers what is no HTTP request. The rest of it is read and thrown away for a while: a connection that is closed before
 * could lose the answer.
 *
 * @param {NodeJS.ErrnoException} error
 * @param {Duplex} socket
 */
function refuse({ code = '' }, socket) {
  if (!socket.writable) return;
  const status = malformedStatus.get(code) ?? 400;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`);
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/**
 * @param {Member} member
 * @param {IncomingMessage} request
 * @returns {Promise<Answer>}
 */
async function route(member, request) {
  const { method = '', url = '' } = request;
  if (method === 'GET' && url === '/status') return { status: 200, body: member.node.status() };
  const [, memberName] = /^\/members\/([^/?]+)$/.exec(url) ?? [];
  if (memberName !== undefined) return changeMember(member.node, request, decodeKey(memberName));
  const [, name, action = ''] = /^\/kv\/([^/?]+)(\/cas)?$/.exec(url) ?? [];
  if (name === undefined) throw new RequestError(404, 'no such route');
  const key = decodeKey(name);
  switch (method + action) {
    case 'GET':
      return read(member, key);
    case 'PUT':
      return write(member, { type: 'put', key, value: await readText(request) });
    case 'POST/cas':
      return write(member, parseCompareAndSet(key, await readText(request)));
    default:
      throw new RequestError(404, 'no such route');
  }
}

/**
 * Only the leader writes, so that a client learns where to go. (`propose` works on any member: it would forward.)
 *
 * @param {Member} member
 * @param {Command} command
 * @returns {Promise<Answer>}
 */
async function write({ node }, command) {
  const { role, leader } = node.status();
  if (role !== 'leader') return misdirected(leader);
  try {
    const { index, result } = await node.propose(encodeCommand(command));
    if (result?.written) return { status: 200, body: { index } };
    return { status: 409, body: { index, found: result?.found } };
  } catch (error) {
    return failed(error);
  }
}

/**
 * Linearizable on any member: the index that `readIndex` names covers every write that was answered before this call.
 *
 * @param {Member} member
 * @param {string} key
 * @returns {Promise<Answer>}
 */
async function read({ node, store }, key) {
  try {
    const index = await node.readIndex();
    if (!(await hasApplied(node, index))) return unavailable('none');
  } catch (error) {
    return error instanceof NotLeaderError ? misdirected(error.leader) : unavailable('none');
  }
  const value = store.get(key);
  return value === null
    ? { status: 404, body: { error: 'no such key' } }
    : { status: 200, body: value };
}

/**
 * Waits until `index` has been applied here; false when that takes too long.
 *
 * @param {Member['node']} node
 * @param {number} index
 * @returns {Promise<boolean>}
 */
function hasApplied(node, index) {
  if (node.status().appliedIndex >= index) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(false), catchUpTimeoutMs);
    const unlisten = node.on('applied', (applied) => {
      if (applied >= index) finish(true);
    });
    /** @param {boolean} isApplied */
    const finish = (isApplied) => {
      clearTimeout(timer);
      unlisten();
      resolve(isApplied);
    };
  });
}

/** @param {string} name */
function decodeKey(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new RequestError(400, 'the key is not percent-encoded UTF-8');
  }
}

/**
 * @param {string} key
 * @param {string} text
 * @returns {Command}
 */
function parseCompareAndSet(key, text) {
  /** @param {unknown} value @returns {value is string} */
  const isText = (value) => typeof value === 'string' && value.isWellFormed();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new RequestError(400, 'the body is not JSON');
  }
  const { expect, value } = body ?? {};
  if (!isText(value)) throw new RequestError(400, '"value" must be a string');
  if (expect !== null && !isText(expect)) {
    throw new RequestError(400, '"expect" must be a string or null');
  }
  return { type: 'cas', key, expect, value };
}

/**
 * @param {ServerResponse} response
 * @param {Answer} answer
 * @param {boolean} keepAlive
 */
function send(response, { status, body }, keepAlive) {
  const isText = typeof body === 'string';
  if (!keepAlive) response.setHeader('connection', 'close');
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
  });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
}
