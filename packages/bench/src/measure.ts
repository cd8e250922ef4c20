/** Nanoseconds of CPU that this process has used: on a shared machine the only time that repeats. */
export function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return 1000 * (user + system);
}

/** Runs `work` `runs` times (after one warm-up) and gives the median of its CPU nanoseconds per item. */
export function medianNs(runs: number, items: number, work: () => void): number {
  work();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const start = cpuNs();
    work();
    times.push((cpuNs() - start) / items);
  }
  times.sort((left, right) => left - right);
  return times[runs >>> 1]!;
}

/** Prints rows as a table: each with its ratio to the first. */
export function printRows(
  title: string,
  rows: readonly { what: string; ns: number; bytes?: number }[],
): void {
  console.log(`\n${title} (CPU time; a step of a plain loop takes ${loopNs().toFixed(2)} ns now)`);
  const first = rows[0]!.ns;
  for (const { what, ns, bytes } of rows) {
    const rate = `${(1000 / ns).toFixed(2)} M/s`;
    const size = bytes === undefined ? '' : `${bytes.toFixed(1)} B/flow`;
    console.log(
      `  ${what.padEnd(46)} ${ns.toFixed(0).padStart(7)} ns ${rate.padStart(12)}  x${(ns / first).toFixed(1).padEnd(6)} ${size}`,
    );
  }
}

/** CPU nanoseconds of one step of a plain loop: about 0.5 on an idle machine; a multiple says by how much all else is too slow. */
export function loopNs(): number {
  const steps = 100_000_000;
  let sum = 0;
  const ns = medianNs(3, steps, () => {
    for (let step = 0; step < steps; step += 1) sum = (sum + step) | 0;
  });
  return sum === 1 ? 0 : ns;
}
