import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Where Linux's real-time signals begin, of which Node says nothing: a process that one of them ended has, for Node, exited with 0.
const firstUnnamed = 32;
const firstRealTime = 34;
const lastSignal = 64;

// Enough for the last line of a message.
const tailLength = 2048;

/**
 * Sees what Node does not report about the end of a process: the real-time signal that ended it, the name it ended under, and
 * its last words on stderr.
 *
 * A process closes its files before it can be waited for, and libuv handles what it can read before it waits for
 * children. So when the end of stdout or stderr comes, the process is still there, with its status in /proc. Not seen is the end of a process that keeps neither pipe to itself until then (inherited output, a child
 * that holds both), of one of another user, and of one that is waited for along with another that ended in the same
 * moment: for these a real-time signal still looks like an exit with 0. It costs two reads,
 * measured at 30 us together (Node 20, two slow cores).
 */
export class EndWitness {
  /** The number of the signal that ended it, when one was seen. */
  signal: number | undefined;
  /** The name of the program it was at its end, at most 15 characters, when that was seen. */
  program: string | undefined;
  #tail: Buffer = Buffer.alloc(0);

  constructor({ pid, stdout, stderr }: ChildProcess, keepTail: boolean) {
    for (const stream of [stdout, stderr]) stream?.once('end', () => this.#look(pid));
    if (!keepTail) return;
    stderr?.on('data', (chunk: Buffer) => {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailLength);
    });
  }

  /** The last lines that it wrote to stderr. */
  get lastLines(): string[] {
    return this.#tail
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
  }

  #look(pid: number | undefined): void {
    if (process.platform !== 'linux' || this.program !== undefined) return;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      return;
    }
    const close = stat.lastIndexOf(')');
    const fields = stat
      .slice(close + 2)
      .trimEnd()
      .split(' ');
    const status = Number(fields[49]);
    // A process that has only closed its output lives on, with status 0; one that ends has its status a moment before it
    // is a zombie. One that is stopped has 0x7f in it.
    const stopped = (status & 0x7f) === 0x7f;
    if (stopped || (status === 0 && fields[0] !== 'Z' && fields[0] !== 'X')) return;
    this.program = stat.slice(stat.indexOf('(') + 1, close);
    // As wait(2) gives it: the low seven bits are the signal.
    if ((status & 0x7f) > 0) this.signal = status & 0x7f;
  }
}

/** The name of a signal that Node has none for; `undefined` for all others. */
export function unnamedSignal(number: number | undefined): string | undefined {
  if (number === undefined || number < firstUnnamed) return undefined;
  if (number < firstRealTime) return `SIG${number}`;
  if (number === lastSignal) return 'SIGRTMAX';
  return number === firstRealTime ? 'SIGRTMIN' : `SIGRTMIN+${number - firstRealTime}`;
}
