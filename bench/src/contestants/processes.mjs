// A process that runs commands, asked over stdin. `processes.py` answers the same questions for Python.
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { answer } from './answer.mjs';
import { processSubjects } from './process-subjects.mjs';

answer({ probe, commands, capture, stream, killTree, killMany });

const runOf = (subject) => processSubjects[subject].run;

/** Fails with the reason when this subject cannot run here. */
async function probe({ subject, file = 'true' }) {
  await runOf(subject)(file, [], {});
}

/** Runs `file` `times` times, `atOnce` of them at a time. */
async function commands({ subject, file, times, atOnce }) {
  const run = runOf(subject);
  const one = async () => {
    for (let i = 0; i < times / atOnce; i += 1) await run(file, [], {});
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** Captures `bytes` of output; ms. */
async function capture({ subject, bytes, binary }) {
  const start = performance.now();
  const output = await runOf(subject)('head', ['-c', String(bytes), '/dev/zero'], { binary });
  const ms = performance.now() - start;
  if (output.length !== bytes) throw new Error(`${output.length} of ${bytes} bytes came`);
  return ms;
}

/** Sends `bytes` of output to a stream that only counts; MB a second and the peak memory of this process. */
async function stream({ subject, bytes }) {
  let seen = 0;
  const sink = new Writable({
    write(chunk, _encoding, done) {
      seen += chunk.length;
      done();
    },
  });
  const start = performance.now();
  await runOf(subject)('head', ['-c', String(bytes), '/dev/zero'], { binary: true, sink });
  const seconds = (performance.now() - start) / 1000;
  if (seen !== bytes) throw new Error(`${seen} of ${bytes} bytes came`);
  return { rate: bytes / 1e6 / seconds, peakMb: process.resourceUsage().maxRSS / 1024 };
}

// A shell with `count` sleeping grandchildren, ten below each child; each writes its pid.
const tree = `
  left=$1
  while [ $left -gt 0 ]; do
    some=$left; [ $some -gt 10 ] && some=10
    ( i=0; while [ $i -lt $some ]; do sleep 1000 & echo $! >> "$2"; i=$((i+1)); done; wait ) &
    echo $! >> "$2"
    left=$((left-some))
  done
  echo started >> "$2"
  wait`;

/** Aborts a command that has started `count` processes: ms until it settled, and who was left running. */
async function killTree({ subject, count, directory }) {
  const file = `${directory}/pids-${process.pid}`;
  rmSync(file, { force: true });
  appendFileSync(file, '');
  const controller = new AbortController();
  const running = runOf(subject)('sh', ['-c', tree, 'sh', String(count), file], { signal: controller.signal });
  const settled = Promise.resolve(running).catch(() => {});
  const expected = count + Math.ceil(count / 10);
  let pids = [];
  while (pids.length < expected) {
    await pause(5);
    pids = readFileSync(file, 'utf8').match(/\d+/g) ?? [];
  }
  const start = performance.now();
  controller.abort();
  // Who waits for the pipes of survivors would wait for ever.
  await Promise.race([settled, pause(2000, undefined, { ref: false })]);
  const ms = performance.now() - start;
  const left = pids.filter((pid) => isRunning(pid));
  for (const pid of left) process.kill(Number(pid), 'SIGKILL');
  await settled;
  return { ms, left: left.length };
}

/** Aborts `count` sleeping commands at once: ms until all have settled, and the processor time that took here. */
async function killMany({ subject, count }) {
  const controller = new AbortController();
  const run = runOf(subject);
  const settled = Promise.all(
    Array.from({ length: count }, () => run('sleep', ['1000'], { signal: controller.signal }).catch(() => {})),
  );
  // Started one after the other; the children of this process are the commands, or what sets their limits.
  while (childrenHere() < count) await pause(20);
  await pause(200);
  const before = process.cpuUsage();
  const start = performance.now();
  controller.abort();
  await settled;
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - start, cpu: (user + system) / 1000 };
}

function childrenHere() {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  return children.split(' ').length - 1;
}

function isRunning(pid) {
  // Its number may be somebody else's by now; nobody else sleeps for so long, or runs this script.
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (!words.startsWith('sleep\0') && !words.includes(tree)) return false;
    // The state comes after the command in brackets; a zombie has ended.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
