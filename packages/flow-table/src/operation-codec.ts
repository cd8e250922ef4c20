/**
 * The packed blob of operations, one per log entry (docs/packed-codec.md has every byte):
 *
 *     0  1  format version: 1, or 2 if it has operations on expectations
 *     1  3  zero
 *     4  4  number of operations
 *     8     the operations, each: length (1), kind (1), key (16 or 40), then
 *           create and update: attribute set (2) and attributes; touch: remaining seconds (4); delete: nothing;
 *           expect: tuple and the rest of the expectation, unexpect: tuple, both with the master's key
 */
export const OPERATION_FORMAT_VERSION = 1;
/** The newest version that this release reads. Blobs without expectations stay readable by releases that know none. */
export const OPERATION_FORMAT_VERSION_EXPECTATIONS = 2;
export const OPERATION_HEADER_BYTES = 8;
/** The longest operation: an IPv6 update with every attribute. */
export const OPERATION_BYTES_MAX = 225;

/**
 * What an operation does to the table (rule K5). Numbers are never reused.
 *
 * - `create` is the whole record and replaces whatever the table has under the key;
 * - `update` sets exactly the attributes it names in a record that exists, and never creates one;
 * - `touch` sets the remaining life of a record that exists, and never creates one;
 * - `delete` removes the record;
 * - `expect` adds an expectation of the flow, or replaces the same one; `unexpect` removes it.
 */
export const OperationKind = {
  create: 1,
  update: 2,
  touch: 3,
  delete: 4,
  expect: 5,
  unexpect: 6,
} as const;
export type OperationKind = (typeof OperationKind)[keyof typeof OperationKind];
