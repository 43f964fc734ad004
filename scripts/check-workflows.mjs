// `npm run check -- workflows`: what the workflows run exists here, and the platforms are those that are promised. They run
// where the repository is hosted, so a wrong name would be noticed only there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, workspaces } from './workspaces.mjs';

const folder = join(root, '.github/workflows');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { tasks } = JSON.parse(readFileSync(join(root, 'turbo.json'), 'utf8'));
const problems = [];

for (const file of readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))) {
  const commands = [...readFileSync(join(folder, file), 'utf8').matchAll(/^\s*-?\s*run: (.*)$/gm)].map(
    ([, text]) => text,
  );
  for (const command of commands) for (const problem of problemsOf(command)) problems.push(`${file}: ${problem}`);
}

const platforms = readFileSync(join(folder, 'platforms.yml'), 'utf8');
for (const system of ['ubuntu', 'macos', 'windows', 'alpine']) {
  if (!platforms.includes(system)) problems.push(`platforms.yml: ${system} is missing`);
}
for (const [, list] of platforms.matchAll(/^\s*node: \[(.*)\]$/gm)) {
  for (const line of ['20', '22', '24', '26']) {
    if (!list.split(', ').includes(line)) problems.push(`platforms.yml: Node ${line} is missing in [${list}]`);
  }
}
if ([...platforms.matchAll(/--testNamePattern "G\[0-9\]\+"/g)].length < 2) {
  problems.push('platforms.yml: the tests of the guarantees are not run everywhere');
}
for (const runtime of ['node22', 'node24', 'node26']) {
  const named = /^\s*runtime: \[(.*)\]$/m.exec(platforms)?.[1].split(', ') ?? [];
  if (!named.includes(runtime) || !platforms.includes('npm run matrix -- --all --only')) {
    problems.push(`platforms.yml: not all tests are run on ${runtime}`);
  }
}

for (const problem of problems) console.log(problem);
console.log(
  problems.length === 0 ? 'check-workflows: all that is run exists' : `check-workflows: ${problems.length} to mend`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

function* problemsOf(command) {
  for (const [, name] of command.matchAll(/\bnpm run (?!-)([\w:-]+)/g)) {
    if (scripts[name] === undefined) yield `package.json has no script ${name}`;
  }
  for (const [, path] of command.matchAll(/\b(?:node|bash) ([\w./-]+\/[\w.-]+)/g)) {
    if (!existsSync(join(root, path))) yield `there is no ${path}`;
  }
  for (const [, bin] of command.matchAll(/\bnpx ([\w-]+)/g)) {
    if (!existsSync(join(root, 'node_modules/.bin', bin))) yield `no dependency has the program ${bin}`;
  }
  for (const [, names] of command.matchAll(/\bturbo run ([a-z]+(?: [a-z]+)*)/g)) {
    for (const name of names.split(' ')) {
      const known =
        tasks[name] !== undefined && workspaces.some(({ manifest }) => manifest.scripts?.[name] !== undefined);
      if (!known) yield `turbo knows no task ${name}`;
    }
  }
}
