import { Contestant } from '../contestant.mjs';

const debian = (name) => `Debian package ${name}`;

/**
 * The locks that are compared: `side` says whose it is, `program` which contestant runs it, `from` where it comes
 * from. A subject that cannot run is named as missing, with this origin.
 */
export const subjects = {
  floor: { side: 'floor', program: 'locks.mjs', from: 'open, fcntl(F_OFD_SETLK), close by fs-native-extensions' },
  'floor, found locked': { side: 'floor', program: 'locks.mjs', from: 'the same, refused' },
  ours: { side: 'ours', program: 'locks.mjs', from: 'external, driver kernel' },
  'ours fair': { side: 'ours', program: 'locks.mjs', from: 'external, fair' },
  'ours shared': { side: 'ours', program: 'locks.mjs', from: 'external, shared' },
  'ours permits': { side: 'ours', program: 'locks.mjs', from: 'external, permits: 4' },
  'ours sync': { side: 'ours', program: 'locks.mjs', from: 'external, lockSync' },
  'ours lockfile': { side: 'ours', program: 'locks.mjs', from: 'external, driver lockfile' },
  'ours internal': { side: 'ours', program: 'locks.mjs', from: 'internal' },
  'ours internal fair': { side: 'ours', program: 'locks.mjs', from: 'internal, fair' },
  'ours internal shared': { side: 'ours', program: 'locks.mjs', from: 'internal, shared' },
  'ours internal undetected': { side: 'ours', program: 'locks.mjs', from: "internal, deadlock: 'off'" },
  'ours internal sync': { side: 'ours', program: 'locks.mjs', from: 'internal, lockSync' },
  'proper-lockfile': { side: 'peer', program: 'locks.mjs', from: 'npm' },
  'async-mutex': { side: 'peer', program: 'locks.mjs', from: 'npm' },
  'async-lock': { side: 'peer', program: 'locks.mjs', from: 'npm' },
  'p-limit': { side: 'peer', program: 'locks.mjs', from: 'npm' },
  oslo: { side: 'peer', program: 'locks.py', from: debian('python3-oslo.concurrency') },
  'oslo fair': { side: 'peer', program: 'locks.py', from: debian('python3-oslo.concurrency') },
  'oslo internal': { side: 'peer', program: 'locks.py', from: debian('python3-oslo.concurrency') },
  'oslo internal fair': { side: 'peer', program: 'locks.py', from: debian('python3-oslo.concurrency') },
  fasteners: { side: 'peer', program: 'locks.py', from: debian('python3-fasteners') },
  'fasteners writer': { side: 'peer', program: 'locks.py', from: debian('python3-fasteners') },
  'fasteners reader': { side: 'peer', program: 'locks.py', from: debian('python3-fasteners') },
  'fasteners internal': { side: 'peer', program: 'locks.py', from: debian('python3-fasteners') },
  filelock: { side: 'peer', program: 'locks.py', from: debian('python3-filelock') },
};

/** Starts a contestant for `subject`; where it comes from and a folder of its own go with every question. */
export function lockProcess(context, subject, args) {
  const contestant = new Contestant(subjects[subject].program, args);
  return {
    contestant,
    ask: (op, request) => contestant.ask(op, { subject, directory: context.folder(subject), ...request }),
  };
}

/** Those of `names` that can run here; the others are noted as missing, each with the reason. */
export async function present(context, names) {
  const found = [];
  for (const name of names) {
    const { side, from } = subjects[name];
    try {
      const { contestant, ask } = lockProcess(context, name);
      try {
        await ask('probe');
        found.push(name);
      } finally {
        await contestant.kill();
      }
    } catch (error) {
      context.missing({ subject: name, side, from, reason: error.message });
    }
  }
  return found;
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
