import { execFile, spawn } from 'node:child_process';

/**
 * The ways to run a command from Node, by name. Each takes the program, its arguments and what is asked of it:
 * `binary` output, a `sink` that output is streamed to instead of kept, an abort `signal`, and resolves to the output.
 */
export const processSubjects = {
  spawn: { run: bareSpawn },
  execFile: { run: bareExecFile },
  execa: { run: runExeca },
  tinyexec: { run: runTinyexec },
  'ours execute': { run: ours },
  'ours execute limited': { run: (file, args, asked) => ours(file, args, { ...asked, limited: true }) },
  'ours execute retried': { run: (file, args, asked) => ours(file, args, { ...asked, attempts: 3 }) },
};

const limits = { addressSpace: 2 ** 32, cpuTime: 60, numberFiles: 256 };

async function ours(file, args, { binary = false, sink, signal, limited = false, attempts = 1 }) {
  const { execute, ProcessLimits } = await import('@oslo-concurrency/processutils');
  const result = execute(file, args, {
    binary,
    ...(sink === undefined ? {} : { stdout: sink }),
    ...(signal === undefined ? {} : { signal }),
    ...(limited ? { prlimit: new ProcessLimits(limits) } : {}),
    ...(attempts > 1 ? { attempts, delayOnRetry: false } : {}),
  });
  return attempts > 1 ? result.catch(expectFailure) : (await result).stdout;
}

// A command that is tried again has failed; anything else is a fault of this program.
function expectFailure(error) {
  if (error.exitCode === undefined) throw error;
}

/** The floor: the pipes are read, and nothing else is done. */
function bareSpawn(file, args, { binary = false, sink, signal }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
    const chunks = [];
    if (sink === undefined) child.stdout.on('data', (chunk) => chunks.push(chunk));
    else child.stdout.pipe(sink, { end: false });
    child.stderr.resume();
    child.once('error', reject);
    child.once('close', () => {
      const bytes = Buffer.concat(chunks);
      resolve(binary ? bytes : bytes.toString());
    });
  });
}

function bareExecFile(file, args, { binary = false, signal }) {
  return new Promise((resolve, reject) => {
    const options = { encoding: binary ? 'buffer' : 'utf8', maxBuffer: Number.POSITIVE_INFINITY, signal };
    execFile(file, args, options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

async function runExeca(file, args, { binary = false, sink, signal }) {
  const { execa } = await import('execa');
  const child = execa(file, args, {
    stdin: 'ignore',
    maxBuffer: Number.POSITIVE_INFINITY,
    ...(binary ? { encoding: 'buffer' } : {}),
    ...(sink === undefined ? {} : { buffer: false }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  if (sink !== undefined) child.stdout.pipe(sink, { end: false });
  return (await child).stdout;
}

async function runTinyexec(file, args, { signal }) {
  const { x } = await import('tinyexec');
  const { stdout } = await x(file, args, signal === undefined ? {} : { signal });
  return stdout;
}
