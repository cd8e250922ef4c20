import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
};

/** The files of the dashboard, read once: a handful of small ones. The page carries no data, so it is open. */
export async function addDashboardRoutes(app: App, context: RouteContext): Promise<void> {
  for (const [path, file] of Object.entries(context.dashboardFiles)) {
    const content = await readFile(file);
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    app.get(path, { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) =>
      reply.headers(HEADERS).type(type).send(content),
    );
  }
}
