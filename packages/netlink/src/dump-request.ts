import {
  Cta,
  CtMessage,
  SUBSYSTEM_CTNETLINK,
  SUBSYSTEM_EXPECTATIONS,
} from './ctnetlink-protocol.ts';
import type { MessageWriter } from './message-writer.ts';
import { NLM_F_DUMP, NLM_F_REQUEST } from './netlink-protocol.ts';

/** Which entries the kernel puts into a dump; it does so itself, for nothing. */
export interface DumpFilter {
  /** 2 (AF_INET) or 10 (AF_INET6); default both. */
  readonly family?: number;
  /** 1 to 65535; default all zones. Zone 0 cannot be asked for alone: to the kernel it means all. */
  readonly zone?: number;
}

/** Writes a dump request; the answers carry `sequence`. */
export function writeDumpRequest(
  writer: MessageWriter,
  sequence: number,
  filter: DumpFilter,
): void {
  begin(writer, SUBSYSTEM_CTNETLINK, sequence, filter.family ?? 0);
  if (filter.zone !== undefined) writer.attributeU16(Cta.zone, filter.zone);
  writer.end();
}

/** The same for expectations, of both families. */
export function writeExpectationDumpRequest(writer: MessageWriter, sequence: number): void {
  begin(writer, SUBSYSTEM_EXPECTATIONS, sequence, 0);
  writer.end();
}

function begin(writer: MessageWriter, subsystem: number, sequence: number, family: number): void {
  writer.begin((subsystem << 8) | CtMessage.get, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  writer.u8(family);
  writer.u8(0);
  writer.u8(0);
  writer.u8(0);
}
