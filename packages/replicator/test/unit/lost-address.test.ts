import { describe, expect, it } from 'vitest';
import { activeCluster } from '../support/fake-cluster.ts';
import { flowOf } from '../support/flows.ts';

const virtual = '192.168.1.100';

/** The kernel destroys a flow by itself, with time left, as it does with masqueraded ones. */
const cut = (sport: number) => flowOf({ sport, timeoutSeconds: 431_998 });

describe('K6 losing an address does not end a flow', () => {
  it('K6 what the kernel destroys together with an address stays in the table and on the others', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.setAddresses([...fw1.addresses, virtual]);
    for (let sport = 1; sport <= 5; sport += 1) fw1.kernel.born(cut(sport));
    await cluster.clock.advance(100);
    fw1.kernel.cutShort(cut(1));
    fw1.kernel.cutShort(cut(2));
    await cluster.clock.advance(5);
    fw1.setAddresses(fw1.addresses.filter((address) => address !== virtual));
    fw1.kernel.cutShort(cut(3));
    await cluster.clock.advance(700);
    fw1.setVrrp('BACKUP');
    fw2.setVrrp('MASTER');
    await cluster.clock.advance(5_000);
    expect(fw2.table.size).toBe(5);
    expect(fw2.kernel.count()).toBe(5);
  });

  it('K6 without a lost address such an end is believed after the hold', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(cut(1));
    await cluster.clock.advance(100);
    fw1.kernel.cutShort(cut(1));
    await cluster.clock.advance(500);
    expect(cluster.node('fw2').table.size).toBe(1);
    await cluster.clock.advance(700);
    expect(cluster.node('fw2').table.size).toBe(0);
  });

  it("K6 a person's delete and a closing connection are not held", async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(cut(1));
    fw1.kernel.born(flowOf({ sport: 2, state: 7, timeoutSeconds: 60 }));
    await cluster.clock.advance(100);
    fw1.replicator.first.parts.capture.handle(3, cut(1), 4711);
    fw1.kernel.cutShort(flowOf({ sport: 2, state: 7, timeoutSeconds: 60 }));
    await cluster.clock.advance(100);
    expect(cluster.node('fw2').table.size).toBe(0);
  });

  it('K6 a tuple that is used again while its end is held is another flow', async () => {
    const cluster = await activeCluster();
    const fw1 = cluster.node('fw1');
    fw1.kernel.born(flowOf({ sport: 1, mark: 7 }));
    await cluster.clock.advance(100);
    fw1.kernel.cutShort(cut(1));
    fw1.kernel.born(flowOf({ sport: 1, natTo: virtual, natPort: 9 }));
    await cluster.clock.advance(2_000);
    expect(cluster.node('fw2').kernel.get(flowOf({ sport: 1 }))!.replyL4 & 0xffff).toBe(9);
    expect(cluster.node('fw2').table.size).toBe(1);
  });
});
