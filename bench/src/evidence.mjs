import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Milliseconds over which the processor time of a process is measured.
const span = 200;
const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Where processes stand that do not answer, and what lies in the lock path that they work in: for people, because a
 * process that stands so once in a hundred runs is gone by the time somebody looks. Costs some seconds. What the system
 * does not tell is left out.
 *
 * @param pid the process to be given up, whose stack is shown if `node` is the Node that it runs. Only one: the debugger
 *   of a second one would find the port taken, and show the first one again.
 * @param silent all that do not answer
 */
export function evidence({ pid, node, silent, directory }) {
  const before = silent.map(processorMs);
  Atomics.wait(cell, 0, 0, span);
  const standing = silent.map((one, index) => standingOf(one, processorMs(one) - before[index]));
  const stack = node === undefined ? [] : [`Stack of ${pid}:`, stackOf(node, pid)];
  const files = directory === undefined ? [] : [`In ${directory}:`, ...filesIn(directory)];
  return [...standing, ...stack, ...files, '/proc/locks:', read('/proc/locks')].join('\n');
}

function standingOf(pid, busyMs) {
  const { state, threads } = statOf(pid);
  const [sleepsIn, call] = ['wchan', 'syscall'].map((file) => read(`/proc/${pid}/${file}`));
  return (
    `No answer from process ${pid}: state ${state}, ${threads} threads, ${busyMs} ms of processor time in ${span} ms, ` +
    `sleeps in ${sleepsIn}, system call ${call}`
  );
}

// After the command, which may contain blanks.
function statOf(pid) {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  return { state: fields[0], threads: fields[17], ticks: Number(fields[11]) + Number(fields[12]) };
}

// A tick is 10 ms on every Linux that Node runs on.
function processorMs(pid) {
  return statOf(pid).ticks * 10;
}

/**
 * What a process runs in JavaScript. One that sleeps runs nothing until it is woken: by a timer, the stack shows which.
 * Where there is no stack, no timer is due soon.
 */
function stackOf(node, pid) {
  const script = `(sleep 1; echo pause; sleep 1; echo bt; sleep 1; echo .exit) | '${node}' inspect -p ${pid}`;
  const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 10_000 });
  return stdout.trim();
}

function filesIn(directory) {
  try {
    return readdirSync(directory, { recursive: true }).map((name) => `  ${name} ${describe(join(directory, name))}`);
  } catch (error) {
    return [`  ${error.message}`];
  }
}

function describe(path) {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'gone';
  return `${stat.isDirectory() ? 'folder' : `${stat.size} bytes`}, inode ${stat.ino}, changed ${stat.mtime.toISOString()}`;
}

function read(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    return error.code;
  }
}
