import { sum } from '../statistics.mjs';

/**
 * The parts of one hand-over, in us, from what both processes noted: the release until it touches the wake file, the
 * wake, and then the grant, each of the two divided into system calls, as Node makes them, and what is between them.
 * `undefined` if the waiter was not woken but found the lock free at its poll.
 */
export function handOverParts({ released, grant }) {
  const touch = released.calls.find(({ name }) => name === 'lutimesSync');
  const woken = touch && grant.wakes.find((at) => at >= touch.start && at <= grant.at);
  if (woken === undefined) return undefined;
  const release = spent(released.calls, released.at, touch.start);
  const granted = spent(grant.calls, woken, grant.at);
  return {
    'release, system calls': release.calls,
    'release, JavaScript': release.rest,
    wake: (woken - touch.start) / 1000,
    'grant, system calls': granted.calls,
    'grant, JavaScript': granted.rest,
    'a pwrite': eachWrite([...released.calls, ...grant.calls]),
    all: (grant.at - released.at) / 1000,
  };
}

function spent(all, from, to) {
  const calls = sum(all.filter(({ start, end }) => start >= from && end <= to).map(({ start, end }) => end - start));
  return { calls: calls / 1000, rest: (to - from - calls) / 1000 };
}

function eachWrite(calls) {
  const writes = calls.filter(({ name }) => name === 'writeSync');
  return sum(writes.map(({ start, end }) => end - start)) / writes.length / 1000;
}
