import { type Static, Type } from '@sinclair/typebox';

/** RFC 9457 problem details, with one word for programs in `code`. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'A URI that names the kind of problem.' }),
    title: Type.String({ description: 'The kind of problem, for people.' }),
    status: Type.Integer({ description: 'The HTTP status code.' }),
    detail: Type.String({ description: 'One sentence on this occurrence.' }),
    code: Type.String({ description: 'The kind of problem, one word for programs.' }),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457).' },
);

export type Problem = Static<typeof ProblemSchema>;

export const PROBLEM_TYPE = 'application/problem+json';

interface Kind {
  readonly status: number;
  readonly title: string;
}

/** Every problem that the API answers with, by its code. */
const KINDS = {
  'bad-request': { status: 400, title: 'The request is not understood' },
  unauthorized: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'Not allowed' },
  'unknown-route': { status: 404, title: 'There is no such resource' },
  'unknown-member': { status: 404, title: 'There is no such member' },
  'not-ready': { status: 503, title: 'The node is not ready' },
  'no-quorum': { status: 503, title: 'The cluster has no quorum' },
  'transfer-failed': { status: 409, title: 'The transfer failed' },
  'not-leader': { status: 409, title: 'The node does not lead' },
  'member-change-failed': { status: 409, title: 'The members did not change' },
  'not-active': { status: 409, title: 'The node is not the active node' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The media type is not understood' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'An unexpected error' },
  unsupported: { status: 501, title: 'Not supported' },
  busy: { status: 503, title: 'Too much at the same time' },
} as const satisfies Record<string, Kind>;

export type ProblemCode = keyof typeof KINDS;

/** Thrown inside of a request to answer with a problem. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;

  constructor(code: ProblemCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export function problemOf(code: ProblemCode, detail: string): Problem {
  const { status, title } = KINDS[code];
  return { type: `urn:raftwall:problem:${code}`, title, status, detail, code };
}

/** @returns The problem that an error in a request is answered with; null when nobody foresaw it. */
export function problemOfError(error: unknown): Problem | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error ? error.code : null;
  if ('validation' in error) return problemOf('bad-request', error.message);
  if (typeof code !== 'string') return null;
  if (Object.hasOwn(KINDS, code)) return problemOf(code as ProblemCode, error.message);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return problemOf('body-too-large', error.message);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return problemOf('unsupported-media-type', error.message);
  }
  // Every other complaint of fastify about a request is the client's to mend.
  const isClients = 'statusCode' in error && Number(error.statusCode) < 500;
  return isClients ? problemOf('bad-request', error.message) : null;
}
