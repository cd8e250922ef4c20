import { FlowAttribute, type FlowFields } from '../src/index.ts';
import { contentOf, keyText } from './arbitrary-flows.ts';

type Content = Record<string, unknown>;

/** What the table must be, as plainly as possible: a Map of contents. Time stands still in it. */
export class MapTable {
  readonly flows = new Map<string, Content>();

  create(fields: FlowFields): void {
    this.flows.set(keyText(fields), contentOf(fields));
  }

  update(fields: FlowFields): void {
    const old = this.flows.get(keyText(fields));
    if (!old) return;
    const attributes = (old['attributes'] as number) | fields.attributes;
    this.flows.set(keyText(fields), { ...old, ...contentOf(fields), attributes });
  }

  touch(fields: FlowFields): void {
    const old = this.flows.get(keyText(fields));
    if (!old) return;
    const attributes = (old['attributes'] as number) | FlowAttribute.timeout;
    this.flows.set(keyText(fields), { ...old, timeout: fields.timeoutSeconds, attributes });
  }

  delete(fields: FlowFields): void {
    this.flows.delete(keyText(fields));
  }
}
