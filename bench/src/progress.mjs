import { Presets, SingleBar } from 'cli-progress';

/** A bar with the time left on a terminal; elsewhere a line each time another benchmark begins. */
export function openProgress(seconds) {
  const bar = new SingleBar(
    { format: '{bar} {percentage} % {eta_formatted} left | {what}', clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  let last;
  if (process.stderr.isTTY) bar.start(seconds, 0, { what: '' });
  return {
    at(done, what) {
      if (process.stderr.isTTY) bar.update(done, { what });
      else if (what !== last) console.error(`${what} (${Math.round((done / seconds) * 100)} % done)`);
      last = what;
    },
    close() {
      if (process.stderr.isTTY) bar.stop();
    },
  };
}
