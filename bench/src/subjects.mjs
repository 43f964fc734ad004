import { Contestant } from './contestant.mjs';

const npm = 'npm';
const debian = (name) => `Debian package ${name}`;
const fromOslo = debian('python3-oslo.concurrency');
const fromFasteners = debian('python3-fasteners');

const floor = (program, from) => ({ side: 'floor', program, from });
const ours = (program, from) => ({ side: 'ours', program, from });
const peer = (program, from) => ({ side: 'peer', program, from });

/**
 * All that is compared: `side` says whose it is, `program` which contestant runs it, `from` where it comes from. A
 * subject that cannot run is named as missing, with this origin.
 */
export const subjects = {
  floor: floor('locks.mjs', 'open, fcntl(F_OFD_SETLK), close by fs-native-extensions; who waits, by fs.watch'),
  wake: floor('locks.mjs', 'one process touches a file, another watches it by fs.watch; no lock'),
  poll: floor('locks.mjs', 'a timer of 50 ms tries fcntl(F_OFD_SETLK); no library'),
  context: floor('locks.mjs', 'AsyncLocalStorage.run around an empty body; no lock'),
  ours: ours('locks.mjs', 'external, driver kernel'),
  'ours fair': ours('locks.mjs', 'external, fair'),
  'ours shared': ours('locks.mjs', 'external, shared'),
  'ours permits': ours('locks.mjs', 'external, permits: 4'),
  'ours sync': ours('locks.mjs', 'external, lockSync'),
  'ours lockfile': ours('locks.mjs', 'external, driver lockfile'),
  'ours internal': ours('locks.mjs', 'internal'),
  'ours internal fair': ours('locks.mjs', 'internal, fair'),
  'ours internal shared': ours('locks.mjs', 'internal, shared'),
  'ours internal undetected': ours('locks.mjs', "internal, deadlock: 'off'"),
  'ours internal sync': ours('locks.mjs', 'internal, lockSync'),
  'proper-lockfile': peer('locks.mjs', npm),
  'async-mutex': peer('locks.mjs', npm),
  'async-lock': peer('locks.mjs', npm),
  'p-limit': peer('locks.mjs', npm),
  oslo: peer('locks.py', fromOslo),
  'oslo fair': peer('locks.py', fromOslo),
  'oslo internal': peer('locks.py', fromOslo),
  'oslo internal fair': peer('locks.py', fromOslo),
  fasteners: peer('locks.py', fromFasteners),
  'fasteners writer': peer('locks.py', fromFasteners),
  'fasteners reader': peer('locks.py', fromFasteners),
  'fasteners internal': peer('locks.py', fromFasteners),
  filelock: peer('locks.py', debian('python3-filelock')),
  spawn: floor('processes.mjs', 'child_process.spawn of Node'),
  execFile: peer('processes.mjs', 'child_process.execFile of Node'),
  execa: peer('processes.mjs', npm),
  tinyexec: peer('processes.mjs', npm),
  'ours execute': ours('processes.mjs', 'execute'),
  'ours execute limited': ours('processes.mjs', 'execute with prlimit'),
  'ours execute retried': ours('processes.mjs', 'execute with attempts: 3'),
  'oslo execute': peer('processes.py', fromOslo),
  'oslo execute limited': peer('processes.py', fromOslo),
  'oslo execute retried': peer('processes.py', fromOslo),
  subprocess: peer('processes.py', 'subprocess.run of Python'),
};

/** Starts a contestant for `subject`; where it comes from and a folder of its own go with every question. */
export function contestantOf(context, subject, { flags, node } = {}) {
  const contestant = new Contestant(subjects[subject].program, flags, node);
  return {
    contestant,
    ask: (op, request) => contestant.ask(op, { subject, directory: context.folder(subject), ...request }),
  };
}

/**
 * One contestant for each of `names`, handed to `use`, and ended when that settles. `how` says by which Node they run, and
 * with which flags.
 */
export async function withContestants(context, names, use, how) {
  const contestants = new Map();
  try {
    for (const name of names) contestants.set(name, contestantOf(context, name, how));
    return await use(contestants);
  } finally {
    await Promise.all([...contestants.values()].map(({ contestant }) => contestant.kill()));
  }
}

/** Those of `names` that can run here; the others are noted as missing, each with the reason. */
export async function present(context, names) {
  const reasons = await Promise.all(names.map((name) => reasonAgainst(context, name)));
  return names.filter((name, index) => {
    const { side, from } = subjects[name];
    const reason = reasons[index];
    if (reason !== undefined) context.missing({ subject: name, side, from, reason });
    return reason === undefined;
  });
}

const reasonsKnown = new Map();

/** Why `name` cannot run here; asked once. */
function reasonAgainst(context, name) {
  if (!reasonsKnown.has(name)) {
    const probe = withContestants(context, [name], (contestants) => contestants.get(name).ask('probe'));
    const reason = probe.then(
      () => undefined,
      (error) => error.message,
    );
    reasonsKnown.set(name, reason);
  }
  return reasonsKnown.get(name);
}

/** The rows of a figure, one a subject, from a map of samples. */
export function rowsOf(samples, parameters) {
  return [...samples].map(([subject, values]) => ({
    subject,
    side: subjects[subject].side,
    ...(parameters === undefined ? {} : { with: parameters }),
    samples: values,
  }));
}
