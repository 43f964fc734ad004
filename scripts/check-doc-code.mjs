// The code in the documents is code: every `ts` block compiles with the strict settings of the packages, every block whose
// opening line says `run` also runs to its end (```ts run), and so does every `js` block, and every `python` block where
// Debian's oslo.concurrency is installed. Each runs in a process and an empty lock directory of its own. `sh` blocks, which
// install and remove, are only parsed. What needs an engine or several processes says `how-to=FILE`: tools/how-to runs it. `skip` is for
// a part of a file; the text beside it says what it belongs to.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeBlocks, documents } from './documents.mjs';
import { root } from './workspaces.mjs';

const folder = join(root, '.turbo/doc-code');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      outDir: 'out',
      rootDir: '.',
      noUnusedLocals: false,
      noUnusedParameters: false,
      declaration: false,
      declarationMap: false,
      sourceMap: false,
      noEmitOnError: false,
      // The decorator dialect is TypeScript's default one, the standard.
      isolatedModules: false,
    },
    include: ['*.ts', '*.js'],
  }),
);

const blocks = documents.flatMap(({ path, text }) =>
  codeBlocks(text)
    .filter(({ language, info }) => ['ts', 'js', 'mjs'].includes(language) && !/\b(skip|how-to)\b/.test(info))
    .map((block) => ({ ...block, path, file: `${path.replaceAll(/[^\w]+/g, '-')}-${block.line}` })),
);
const named = new Map();
for (const block of blocks) {
  const extension = block.language === 'ts' ? 'ts' : 'js';
  named.set(`${block.file}.${extension}`, block);
  writeFileSync(join(folder, `${block.file}.${extension}`), `${block.code}\nexport {};\n`);
}

const compiled = spawnSync(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), '--pretty', 'false'], {
  cwd: folder,
  encoding: 'utf8',
});
for (const line of compiled.stdout.split('\n').filter(Boolean)) {
  const found = /^([\w-]+\.[jt]s)\((\d+),(\d+)\): (.*)$/.exec(line);
  const block = found === null ? undefined : named.get(found[1]);
  console.log(block === undefined ? line : `${block.path}:${block.line + Number(found[2])}: ${found[4]}`);
  process.exitCode = 1;
}

let ran = 0;
for (const block of process.exitCode === 1 ? [] : blocks) {
  if (block.language === 'ts' && !/\brun\b/.test(block.info)) continue;
  const file = block.language === 'ts' ? join(folder, 'out', `${block.file}.js`) : join(folder, `${block.file}.js`);
  runToEnd(block, process.execPath, [file]);
}

// Not the first python3 in PATH: Debian's packages are Debian's python3's.
const python = '/usr/bin/python3';
const hasOslo = spawnSync(python, ['-c', 'import oslo_concurrency']).status === 0;
for (const block of inLanguages('python')) {
  if (hasOslo) runToEnd(block, python, ['-c', block.code]);
  else if (process.env.CI) complain(block, 'this needs the Debian package python3-oslo.concurrency');
}
const shells = inLanguages('sh', 'bash');
for (const block of shells) {
  const { status, stderr } = spawnSync('bash', ['-n'], { encoding: 'utf8', input: block.code });
  if (status !== 0) complain(block, stderr);
}
console.log(`${blocks.length} blocks compiled, ${ran} run, ${shells.length} parsed`);

function inLanguages(...languages) {
  return documents.flatMap(({ path, text }) =>
    codeBlocks(text)
      .filter(({ language }) => languages.includes(language))
      .map((block) => ({ ...block, path })),
  );
}

function complain({ path, line }, text) {
  console.log(`${path}:${line}: ${text}`);
  process.exitCode = 1;
}

function runToEnd(block, program, args) {
  ran += 1;
  const lockPath = mkdtempSync(join(tmpdir(), 'doc-code-'));
  const { status, signal, stderr, stdout } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    // The first snippet makes its lock path in the home directory.
    env: { ...process.env, OSLO_LOCK_PATH: lockPath, HOME: lockPath },
    timeout: 30_000,
  });
  rmSync(lockPath, { recursive: true });
  if (status !== 0) complain(block, `ended with ${signal ?? status}\n${stdout}${stderr}`);
}
