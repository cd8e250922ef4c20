/**
 * The packed blob of operations, one per log entry (docs/packed-codec.md has every byte):
 *
 *     0  1  format version, 1
 *     1  3  zero
 *     4  4  number of operations
 *     8     the operations, each: length (1), kind (1), key (16 or 40), then
 *           create and update: attribute set (2) and attributes; touch: remaining seconds (4); delete: nothing
 */
export const OPERATION_FORMAT_VERSION = 1;
export const OPERATION_HEADER_BYTES = 8;
/** The longest operation: an IPv6 update with every attribute. */
export const OPERATION_BYTES_MAX = 225;

/**
 * What an operation does to the table (rule K5). Numbers are never reused.
 *
 * - `create` is the whole record and replaces whatever the table has under the key;
 * - `update` sets exactly the attributes it names in a record that exists, and never creates one;
 * - `touch` sets the remaining life of a record that exists, and never creates one;
 * - `delete` removes the record.
 */
export const OperationKind = { create: 1, update: 2, touch: 3, delete: 4 } as const;
export type OperationKind = (typeof OperationKind)[keyof typeof OperationKind];
