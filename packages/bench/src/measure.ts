/** Runs `work` `runs` times (after one warm-up) and gives the median of its nanoseconds per item. */
export function medianNs(runs: number, items: number, work: () => void): number {
  work();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const start = process.hrtime.bigint();
    work();
    times.push(Number(process.hrtime.bigint() - start) / items);
  }
  times.sort((left, right) => left - right);
  return times[runs >>> 1]!;
}

/** Prints rows as a table: each with its ratio to the first. */
export function printRows(
  title: string,
  rows: readonly { what: string; ns: number; bytes?: number }[],
): void {
  console.log(`\n${title}`);
  const first = rows[0]!.ns;
  for (const { what, ns, bytes } of rows) {
    const rate = `${(1000 / ns).toFixed(2)} M/s`;
    const size = bytes === undefined ? '' : `${bytes.toFixed(1)} B/flow`;
    console.log(
      `  ${what.padEnd(46)} ${ns.toFixed(0).padStart(7)} ns ${rate.padStart(12)}  x${(ns / first).toFixed(1).padEnd(6)} ${size}`,
    );
  }
}
