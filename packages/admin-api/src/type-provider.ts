import type { Static, TSchema } from '@sinclair/typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';

/** Lets fastify know the types that TypeBox schemas stand for. */
export interface TypeBoxTypeProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: unknown;
}

/** The fastify instance that routes are added to. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that may ask; `open` needs no token at all. */
    readonly role?: 'open' | 'reader' | 'operator' | 'admin';
    /** Media types of a good answer, for the OpenAPI document. */
    readonly produces?: readonly string[];
  }
  interface FastifySchema {
    readonly summary?: string;
    /** Left out of the OpenAPI document. */
    readonly hide?: boolean;
  }
}
