/**
 * Times contenders side by side: short batches in turns, so that whatever disturbs the machine disturbs all of them,
 * and the median of each.
 */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {number} calls how many calls a batch makes
 * @property {(calls: number) => void | Promise<void>} batch
 */

/**
 * Returns each contender's median time a call, in nanoseconds, in the order given.
 *
 * @param {Contender[]} contenders
 * @param {number} rounds
 * @returns {Promise<number[]>}
 */
export async function medians(contenders, rounds) {
  const times = contenders.map(() => []);
  // The first round compiles and fills, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { calls, batch }] of contenders.entries()) {
      globalThis.gc?.();
      const start = process.hrtime.bigint();
      const pending = batch(calls);
      if (pending) await pending;
      const time = Number(process.hrtime.bigint() - start) / calls;
      if (round > 0) times[i].push(time);
    }
  }
  return times.map(median);
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
