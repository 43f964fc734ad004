// `npm run how-to`: runs the code of the how-tos and the migration guides that needs an engine, a framework or several processes.
// A code block whose opening line says `how-to=FILE` is written to that file and run as the page says; what must come out of it
// is here. The engines are real servers on loopback. `npm run how-to -- FILE` runs one.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startEngine } from '../../examples/ledger/engines.mjs';
import { codeBlocks, documents } from '../../scripts/documents.mjs';
import { root } from '../../scripts/workspaces.mjs';

const home = import.meta.dirname;
if (!existsSync(join(home, 'node_modules')))
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: home, stdio: 'inherit' });
const code = join(home, '.cache');
rmSync(code, { recursive: true, force: true });
mkdirSync(code);
writeFileSync(join(code, 'package.json'), '{ "type": "module" }');
const files = new Set();
for (const { text } of documents) {
  for (const block of codeBlocks(text)) {
    const [, file] = /\bhow-to=(\S+)/.exec(block.info) ?? [];
    if (file === undefined) continue;
    files.add(file);
    writeFileSync(join(code, file), `${block.code}\n`);
  }
}
const compiled = [
  '--module',
  'NodeNext',
  '--target',
  'ES2022',
  '--strict',
  '--experimentalDecorators',
  '--skipLibCheck',
  '--types',
  'node',
  '--typeRoots',
  join(root, 'node_modules/@types'),
];
const sources = [...files].filter((file) => file.endsWith('.ts'));
execFileSync(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), ...compiled, ...sources], {
  cwd: code,
  stdio: 'inherit',
});

const scratch = mkdtempSync(join(tmpdir(), 'how-to-'));
chmodSync(scratch, 0o755);
const env = { ...process.env, OSLO_LOCK_PATH: join(scratch, 'locks'), BUILD_CACHE: join(scratch, 'cache') };
mkdirSync(env.OSLO_LOCK_PATH);
const engines = [];
for (const [name, variable] of [
  ['postgres', 'DATABASE_URL'],
  ['redis', 'REDIS_URL'],
]) {
  mkdirSync(join(scratch, name));
  const engine = await startEngine(name, join(scratch, name));
  engines.push(engine);
  env[variable] = engine.url;
}

/** By file: what running it must show. */
const jobs = {
  async 'cron-job.mjs'() {
    const job = start('cron-job.mjs');
    await job.says('at work');
    await job.says('skipped');
    await job.says('at work');
    await job.end('SIGKILL');
  },
  async 'daemon.mjs'() {
    const [first, second] = [start('daemon.mjs'), start('daemon.mjs')];
    const [loser, winner] = await Promise.race([
      first.ended.then(() => [first, second]),
      second.ended.then(() => [second, first]),
    ]);
    expect(
      (await loser.ended).status === 1 && loser.text().includes(`pid ${winner.pid}`),
      'the second names the first',
      loser,
    );
    await winner.says('running as');
    await winner.end('SIGKILL');
    const third = start('daemon.mjs');
    await third.says('the last instance crashed');
    await third.says('running as');
    expect((await third.end('SIGTERM')).status === 0, 'SIGTERM ends it cleanly', third);
    const fourth = start('daemon.mjs');
    await fourth.says('running as');
    expect(!fourth.text().includes('crashed'), 'a clean end is no crash', fourth);
    await fourth.end('SIGKILL');
  },
  async 'build-cache.mjs'() {
    const builds = [1, 2, 3, 4].map(() => start('build-cache.mjs'));
    await succeed(builds);
    expect(builds.filter((one) => one.text().includes('building')).length === 1, 'one of four builds');
  },
  async 'knex-migrate.mjs'() {
    const instances = [1, 2, 3].map(() => start('knex-migrate.mjs'));
    await succeed(instances);
    expect(instances.filter((one) => one.text().includes('applied 001_orders')).length === 1, 'one of three migrates');
    expect(instances.filter((one) => one.text().includes('nothing to do')).length === 2, 'two find nothing to do');
  },
  'fastify-server.mjs': () => server('fastify-server.mjs'),
  'nest-server.ts': () => server('nest-server.js'),
  ...Object.fromEntries(
    ['redlock-before.mjs', 'redlock-after.mjs', 'redis-semaphore-before.mjs', 'redis-semaphore-after.mjs'].map(
      (file) => [file, async () => succeed([start(file), start(file)])],
    ),
  ),
};

const children = new Set();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
let failed = 0;
let passed = 0;
try {
  const asked = process.argv.slice(2);
  for (const file of new Set([...files, ...Object.keys(jobs)])) {
    if (asked.length > 0 && !asked.includes(file)) continue;
    const began = performance.now();
    try {
      if (!files.has(file)) throw new Error('no document has this code');
      if (jobs[file] === undefined) throw new Error('nothing says what must come out of this code');
      await jobs[file]();
      passed += 1;
      console.log(`ok   ${file} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${file}: ${error.message}\n  failed: ${file}`);
    }
  }
} finally {
  for (const { stop } of engines) await stop();
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`\n${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;

/** A service that holds a lease and runs a command gets SIGTERM: it ends, the command is gone, and the lease is free at once. */
async function server(file) {
  const port = await freePort();
  const service = start(file, { PORT: String(port) });
  await service.says('listening');
  const answer = fetch(`http://127.0.0.1:${port}/report`, { method: 'POST' }).then(
    ({ status }) => status,
    (error) => error,
  );
  await service.says('begun');
  const began = performance.now();
  await service.end('SIGTERM');
  expect(performance.now() - began < 10_000, 'it ends long before the command would', service);
  expect((await answer) === 500, 'the request was answered', service);
  expect(!commands().some((line) => line.includes('echo begun >&2; sleep 60')), 'the command is ended', service);
  const { postgresLeaseDriver } = await import('@oslo-concurrency/lockutils-postgres');
  const driver = postgresLeaseDriver({ url: env.DATABASE_URL });
  const holders = await driver.holders('report');
  await driver.close();
  expect(holders.length === 0, 'the lease is free', service);
}

function commands() {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
}

async function succeed(programs) {
  for (const program of programs) expect((await program.ended).status === 0, 'it ends with 0', program);
}

function expect(condition, what, program) {
  if (!condition) throw new Error(`not so: ${what}${program === undefined ? '' : `\n${program.text()}`}`);
}

/** A process of one of the files. `says` waits for the next line with a text; it fails when the process ends before. */
function start(file, more = {}) {
  const child = spawn(process.execPath, [join(code, file)], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const lines = [];
  let read = 0;
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  }
  let over = false;
  const ended = once(child, 'close').then(([status, signal]) => {
    over = true;
    children.delete(child);
    wake();
    return { status, signal };
  });
  const text = () => lines.join('\n');
  const guard = setTimeout(() => child.kill('SIGKILL'), 60_000);
  ended.then(() => clearTimeout(guard));
  return {
    pid: child.pid,
    ended,
    text,
    async says(wanted) {
      for (;;) {
        while (read < lines.length) if (lines[read++].includes(wanted)) return;
        if (over) throw new Error(`it ended before it said: ${wanted}\n${text()}`);
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
