import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BadAnswerError, RefusedError, UnreachableError } from './errors.ts';

/** Where a daemon is: its Unix socket, or an `http:` or `https:` URL. */
export type ClientTarget =
  | { readonly socketPath: string }
  | {
      readonly url: string;
      readonly token?: string;
      /** PEM text of the authority that signed the API's certificate; unless set, those of the system. */
      readonly ca?: string;
    };

export interface RequestDetails {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly accept?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** An answer may be silent for so long; operations that wait for the cluster have no such limit. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Longest answer that is read as a whole. */
const BODY_BYTES_MAX = 64 << 20;

/** How errors name the target. */
function targetName(target: ClientTarget): string {
  return 'socketPath' in target ? target.socketPath : target.url;
}

/**
 * Sends one request.
 * @returns The answer with its body unread; its status is a good one.
 * @throws {UnreachableError} If there is no answer.
 * @throws {RefusedError} If the daemon refuses.
 */
export async function send(
  target: ClientTarget,
  details: RequestDetails,
): Promise<IncomingMessage> {
  const answer = await open(target, details);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  throw refusalOf(status, await readText(target, answer));
}

/** Reads a body to its end. @throws {UnreachableError} If the connection is lost before. */
export async function readText(target: ClientTarget, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(target, answer)) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw new BadAnswerError('it is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The body's chunks. @throws {UnreachableError} If the connection is lost before its end. */
export async function* chunksOf(
  target: ClientTarget,
  answer: IncomingMessage,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) yield chunk as Buffer;
  } catch (error) {
    throw new UnreachableError(targetName(target), error);
  }
}

function open(target: ClientTarget, details: RequestDetails): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const unreachable = (error: unknown) => {
      reject(new UnreachableError(targetName(target), error));
    };
    const request = requestTo(target, details);
    const timer = setTimeout(() => {
      request.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`));
    }, CONNECT_TIMEOUT_MS);
    request.once('socket', (socket) => {
      if (!socket.connecting) clearTimeout(timer);
      socket.once('connect', () => clearTimeout(timer));
    });
    request.once('close', () => clearTimeout(timer));
    request.once('error', unreachable);
    request.once('response', resolve);
    request.end(details.body === undefined ? undefined : JSON.stringify(details.body));
  });
}

function requestTo(target: ClientTarget, { method = 'GET', path, ...details }: RequestDetails) {
  const options: RequestOptions = {
    method,
    agent: false,
    headers: {
      accept: details.accept ?? 'application/json',
      ...(details.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...('token' in target ? { authorization: `Bearer ${target.token}` } : {}),
    },
    ...(details.signal === undefined ? {} : { signal: details.signal }),
  };
  if ('socketPath' in target) return httpRequest({ ...options, ...target, path });
  const url = new URL(path, target.url);
  const tls = target.ca === undefined ? {} : { ca: target.ca };
  return url.protocol === 'https:'
    ? httpsRequest(url, { ...options, ...tls })
    : httpRequest(url, options);
}

function refusalOf(status: number, text: string): Error {
  const problem = parseJson(text);
  if (typeof problem !== 'object' || problem === null) {
    return new BadAnswerError(`status ${status} without problem details`);
  }
  const { code, detail } = problem as Record<string, unknown>;
  return new RefusedError(status, String(code ?? 'unknown'), String(detail ?? `Status ${status}`));
}

/** @throws {BadAnswerError} If the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadAnswerError('it is not JSON', error);
  }
}
