import type { Static, TSchema } from '@sinclair/typebox';

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

type Describes<S extends TSchema, View> = [DeepReadonly<Static<S>>] extends [View]
  ? [View] extends [DeepReadonly<Static<S>>]
    ? unknown
    : never
  : never;

/**
 * Takes only a schema that describes `View` exactly: a field without schema would be left out of the answer.
 * @example const schema = schemaOf<Point>()(Type.Object({ x: Type.Number(), y: Type.Number() }));
 */
export function schemaOf<View>(): <S extends TSchema>(schema: S & Describes<S, View>) => S {
  return (schema) => schema;
}
