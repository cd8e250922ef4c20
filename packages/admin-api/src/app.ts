import { isIP } from 'node:net';
import {
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
  fastify,
} from 'fastify';
import type { Registry } from 'prom-client';
import { includesRole, type Requester, type Role, type Tokens } from './auth.ts';
import type { ApiLogger } from './logger.ts';
import { apiMetrics } from './metrics/api-metrics.ts';
import { type DocumentedRoute, openApiDocument } from './openapi.ts';
import { PROBLEM_TYPE, type Problem, ProblemError, problemOf, problemOfError } from './problem.ts';
import { RateLimit } from './rate-limit.ts';
import { addActivationRoutes } from './routes/activations.ts';
import { addChangeRoutes } from './routes/changes.ts';
import { addConfigRoutes } from './routes/config.ts';
import { addDashboardRoutes } from './routes/dashboard.ts';
import { addEventRoutes } from './routes/events.ts';
import { addFlowRoutes } from './routes/flows.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addMemberRoutes } from './routes/members.ts';
import { addMetricsRoutes } from './routes/metrics.ts';
import type { RouteContext } from './routes/route-context.ts';
import { addStatusRoutes } from './routes/status.ts';
import { addSurveyRoutes } from './routes/survey.ts';
import { addVerifyRoutes } from './routes/verify.ts';
import type { App, TypeBoxTypeProvider } from './type-provider.ts';

/** How requesters of one listener are known: all are the administrator, or by token, or nobody knows them. */
export type Access =
  | { readonly kind: 'administrator' }
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | { readonly kind: 'anonymous' };

export interface AppDependencies extends RouteContext {
  readonly access: Access;
  readonly logger: ApiLogger | null;
  readonly nowMs: () => number;
  readonly serverFactory: FastifyServerFactory | null;
}

/** The API as one fastify instance that listens nowhere yet. */
export async function buildApp(dependencies: AppDependencies): Promise<App> {
  const { serverFactory, limits } = dependencies;
  const app = fastify({
    bodyLimit: limits.bodyBytesMax,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    // Paths that cannot be decoded never reach a route, nor the handler of errors.
    frameworkErrors: (error, _request, reply) => {
      send(reply as FastifyReply, problemOf('bad-request', error.message));
    },
    // What is sent in excess is a fault to be told, not to be dropped.
    ajv: { customOptions: { removeAdditional: false } },
    ...(serverFactory === null ? {} : { serverFactory }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  answerProblems(app, dependencies.logger);
  guard(app, dependencies);
  measure(app, dependencies.registry);
  const routes: DocumentedRoute[] = [];
  app.addHook('onRoute', (route) => {
    if (route.schema?.hide !== true) routes.push(route);
  });
  addHealthRoutes(app, dependencies);
  addMetricsRoutes(app, dependencies);
  addStatusRoutes(app, dependencies);
  addFlowRoutes(app, dependencies);
  addActivationRoutes(app, dependencies);
  addVerifyRoutes(app, dependencies);
  addSurveyRoutes(app, dependencies);
  addConfigRoutes(app, dependencies);
  addChangeRoutes(app, dependencies);
  addMemberRoutes(app, dependencies);
  addEventRoutes(app, dependencies);
  await addDashboardRoutes(app, dependencies);
  app.get('/openapi.json', { config: { role: 'open' }, schema: { hide: true } }, () =>
    openApiDocument(routes, '1'),
  );
  return app;
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

function answerProblems(app: App, logger: ApiLogger | null): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOfError(error);
    if (problem !== null) return send(reply, problem);
    logger?.error({ err: error, url: request.url }, 'A request failed unexpectedly');
    return send(reply, problemOf('internal-error', 'The log of this node says more'));
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `${request.method} ${request.url.split('?')[0]} does not exist; GET /openapi.json lists what does`;
    return send(reply, problemOf('unknown-route', detail));
  });
}

function guard(app: App, { access, limits, logger, nowMs }: AppDependencies): void {
  const rate = new RateLimit(limits, nowMs);
  app.addHook('onRequest', async (request) => {
    if (!rate.take(request.ip ?? 'local')) {
      throw new ProblemError('rate-limited', `More than ${limits.requestsPerSecondMax} a second`);
    }
    authorize(access, request);
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET') return;
    const by = requesterOf(access, request)?.name ?? 'nobody';
    const { method, url, body, ip } = request;
    logger?.info(
      { audit: { by, ip, method, url, body, status: reply.statusCode } },
      'Change asked',
    );
  });
}

/** Names of routes only: what was asked for is the requester's word, and of endless kinds. */
function measure(app: App, registry: Registry): void {
  const { requestSeconds } = apiMetrics(registry);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    requestSeconds.observe(labels, reply.elapsedTime / 1000);
  });
}

function authorize(access: Access, request: FastifyRequest): void {
  const needed = request.routeOptions.config.role ?? 'reader';
  if (access.kind === 'anonymous') checkHost(request.headers.host);
  if (needed === 'open' || request.is404) return;
  const requester = requesterOf(access, request);
  if (requester === null) {
    throw new ProblemError('unauthorized', 'Send a valid token as "Authorization: Bearer TOKEN"');
  }
  if (!includesRole(requester.role, needed)) {
    throw new ProblemError('forbidden', forbidden(access, requester.role, needed));
  }
}

function requesterOf(access: Access, request: FastifyRequest): Requester | null {
  if (access.kind === 'administrator') return { name: 'local administrator', role: 'admin' };
  if (access.kind === 'anonymous') return { name: 'anonymous', role: 'reader' };
  return access.tokens.find(request.headers.authorization);
}

function forbidden(access: Access, role: Role, needed: Role): string {
  if (access.kind === 'tokens') return `The token's role is ${role}, needed is ${needed}`;
  return 'Changes over TCP need api.tokensFile; use the Unix socket instead';
}

/** Without tokens, a name that a web page had resolved to this machine must not open the API to that page. */
function checkHost(header: string | undefined): void {
  const host = (header ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (host === 'localhost' || isIP(host) !== 0) return;
  throw new ProblemError('forbidden', `The host ${JSON.stringify(host)} is not an address`);
}
