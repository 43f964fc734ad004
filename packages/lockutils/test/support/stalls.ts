import { onTestFinished } from 'vitest';

const tick = 10;
/** A busy machine lets a timer come this late; only more than that is a stall. */
const usual = 100;

/**
 * Watches the event loop of this process until the test ends. Returns for how many milliseconds it stood still since: the
 * machine stopped the process, and nothing that is due in that time can be done in it.
 */
export function watchStalls(): () => number {
  let stalled = 0;
  let last = performance.now();
  const sinceLast = (): number => {
    const late = performance.now() - last - tick;
    return late > usual ? late : 0;
  };
  const timer = setInterval(() => {
    stalled += sinceLast();
    last = performance.now();
  }, tick);
  onTestFinished(() => clearInterval(timer));
  // A timer of the library may come before ours after a stall.
  return () => stalled + sinceLast();
}
