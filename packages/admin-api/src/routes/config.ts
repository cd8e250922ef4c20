import { Type } from '@sinclair/typebox';
import type { App } from '../type-provider.ts';
import type { RouteContext } from './route-context.ts';

const ConfigSchema = Type.Record(Type.String(), Type.Unknown(), {
  $id: 'Config',
  description:
    'The configuration with all defaults, as it is in force; what names secrets is hidden.',
});

const HIDDEN = '(hidden)';

/** `GET /v1/config`. */
export function addConfigRoutes(app: App, { config }: RouteContext): void {
  const shown = withoutSecrets(config) as Record<string, unknown>;
  app.get(
    '/v1/config',
    { schema: { summary: 'The configuration in force', response: { 200: ConfigSchema } } },
    () => shown,
  );
}

/** Everything below a key that sounds of a secret becomes one word. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, it]) => {
    const isSecret = /key|token|secret|password/i.test(key) && it !== null;
    return [key, isSecret ? HIDDEN : withoutSecrets(it)];
  });
  return Object.fromEntries(entries);
}
