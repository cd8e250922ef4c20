import type { NodeEvent, NodeStatus } from '@raftwall/admin-api/client';
import { detailsText, type Fact, factsOf, memberCells } from './view.ts';

const REFRESH_MS = 2000;
const EVENTS_MAX = 200;

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element ${id}`);
  return element;
}

function element(name: string, text: string, className = ''): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

const classOf = ({ tone }: Fact) => (tone === 'plain' ? '' : tone);

function show(status: NodeStatus): void {
  byId('cluster').textContent = status.cluster;
  document.title = `${status.node} – raftwall`;
  const facts = factsOf(status).map((fact) => {
    const group = document.createElement('div');
    group.append(element('dt', fact.name), element('dd', fact.value, classOf(fact)));
    return group;
  });
  byId('facts').replaceChildren(...facts);
  const rows = status.members.map((member) => {
    const row = document.createElement('tr');
    row.append(...memberCells(member).map((cell) => element('td', cell.value, classOf(cell))));
    return row;
  });
  byId('members').replaceChildren(...rows);
}

function showConnection(isUp: boolean, text: string): void {
  const place = byId('connection');
  place.textContent = text;
  place.className = isUp ? 'good' : 'bad';
}

async function refresh(): Promise<void> {
  try {
    const answer = await fetch('/v1/status', { signal: AbortSignal.timeout(5000) });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail ?? `status ${answer.status}`);
    show(body);
    showConnection(true, 'connected');
  } catch (error) {
    showConnection(false, `no answer: ${error instanceof Error ? error.message : error}`);
  }
}

function addEvent(event: NodeEvent): void {
  const time = element('time', new Date(event.atMs).toLocaleTimeString());
  const line = document.createElement('li');
  const details = element('span', detailsText(event), 'quiet');
  line.append(time, ` ${event.kind}: ${event.message} `, details);
  const list = byId('events');
  list.prepend(line);
  while (list.childElementCount > EVENTS_MAX) list.lastElementChild?.remove();
  byId('no-events').hidden = true;
}

async function refreshForever(): Promise<void> {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}

const events = new EventSource('/v1/events');
events.onmessage = ({ data }) => {
  addEvent(JSON.parse(data));
  void refresh();
};
void refreshForever();
