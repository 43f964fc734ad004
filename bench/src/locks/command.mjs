import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { interleave } from '../interleave.mjs';

const run = promisify(execFile);
const program = (name) => fileURLToPath(new URL(`../../../packages/lockutils/bin/${name}.js`, import.meta.url));
const node = (name, ...args) => [process.execPath, program(name), ...args];

/** Each as a user types it, in a lock path of its own. */
const commands = {
  true: { side: 'floor', from: 'coreutils', argv: () => ['true'] },
  'node, nothing': { side: 'floor', from: 'Node', argv: () => [process.execPath, '--eval', ''] },
  'lockutils run': { side: 'ours', from: 'the package', argv: () => node('lockutils', 'run', 'bench', '--', 'true') },
  'lockutils-wrapper': { side: 'ours', from: 'the package', argv: () => node('lockutils-wrapper', 'true') },
  'flock(1)': { side: 'peer', from: 'util-linux', argv: (folder) => ['flock', `${folder}/bench`, 'true'] },
  "oslo's lockutils-wrapper": {
    side: 'peer',
    from: 'Debian package python3-oslo.concurrency',
    argv: () => ['lockutils-wrapper', 'true'],
  },
};

/** A command that runs under a lock, as whole processes. */
export const command = {
  id: 'locks.command',
  group: 'locks',
  seconds: { full: 12, quick: 6 },
  async run(context) {
    const runOnce = async (subject) => {
      const [file, ...args] = commands[subject].argv(context.folder(subject));
      const start = performance.now();
      await run(file, args, { env: { ...process.env, OSLO_LOCK_PATH: context.folder(subject) } });
      return performance.now() - start;
    };
    const subjects = Object.keys(commands);
    const tried = await Promise.allSettled(subjects.map(runOnce));
    const found = subjects.filter((subject, index) => {
      const { reason } = tried[index];
      if (reason === undefined) return true;
      const { side, from } = commands[subject];
      context.missing({ subject, side, from, reason: reason.message.split('\n', 1)[0] });
      return false;
    });
    const rounds = context.quick ? 4 : { least: 6, most: 8, reference: 'true' };
    const samples = await interleave(found, rounds, runOnce, { progress: context.progress });
    const rows = [...samples].map(([subject, values]) => ({ subject, side: commands[subject].side, samples: values }));
    const title = 'Run `true` under a lock from a shell';
    context.record({ id: 'locks.command', title, unit: 'ms', better: 'less', reference: 'true', rows });
  },
};
