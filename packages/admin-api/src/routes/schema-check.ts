import type { Static, TSchema } from '@sinclair/typebox';

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/**
 * `true` when a schema describes a view exactly, else `never`, so that a constant of this type does not compile: a field
 * without schema would be left out of the answer.
 */
export type Describes<S extends TSchema, View> = [DeepReadonly<Static<S>>] extends [View]
  ? [View] extends [DeepReadonly<Static<S>>]
    ? true
    : never
  : never;
