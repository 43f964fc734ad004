// The words of comments, messages, help texts and documents: plain English, with one word for one thing. Each rule is a pattern that
// makes a sentence hard to read, or a second word for something that has a name already, and the better words. Prints
// every match and exits with 1. CONTRIBUTING.md, "Words", lists the same rules for people.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { documents, prose } from './documents.mjs';
import { packages, root } from './workspaces.mjs';

/** What must not be written, and the better words. Spaces in a pattern also match the start of a next comment line. */
const rules = [
  // A question may ask who: `Who held which lock when`.
  [/\b(who(?! held which)|whom|whoever)\b/i, 'name the actor: the holder, a waiter, the caller, the process that ...'],
  [/(?<![\w`'"])Of\s/, 'begin with the subject: "the owner of a lock ...", not "Of a lock ..."'],
  [/\bbe had\b/i, '"is not available" or "cannot be acquired"'],
  [/\b(is|are|was|were) not had\b/i, '"could not be acquired"'],
  [/\bso many\b(?! that)/i, '"at most n" or "this many"'],
  [/\bso long\b(?! that)/i, '"this long"'],
  [/\blest\b/i, '"so that ... not"'],
  [/\bbesides\b/i, '"also" or "in addition to"'],
  [/\bfor ever\b/i, '"forever"'],
  [/\banew\b/i, '"again"'],
  [/\ball the same\b/i, '"still", or "even so"'],
  [/\bnow and then\b/i, '"sometimes", or "from time to time"'],
  [/\bshall\b/i, '"must" or "will"'],
  [/\bin line\b/i, '"in the queue"'],
  [/(?<!<)\bcircles?\b/i, '"cycle"'],
  [/\bg(ive|ives|iven|iving|ave) ((it|them|all|the (lock|lease|place)) )?back\b/i, '"release"'],
  [/\b(take|takes|taking|took|taken) (the|a|its|several|external) (lock|lease)s?\b(?! from)/i, '"acquire"'],
  [/\b(get|gets|getting|got) (the|a|its) (lock|lease)s?\b/i, '"acquire" or "is granted"'],
  [/\b(has|have|having|had) (the|a|its) (lock|lease)s? alone\b/i, '"holds the lock exclusively"'],
  [/\b(is|are|was|were|be|been) (to be )?told\b/i, '"learns", or "the log reports ..."'],
  // A person can tell two things apart.
  [
    /\btells? (?!(one|it|them|the two) (from|apart))(a|an|the|it|its|of|once|where|what|nothing|us)\b/i,
    '"reports", "names" or "shows"',
  ],
  [/\b(hands out|sees to) (a|an|the|its)\b/i, '"returns" or "makes"'],
];

const breaches = [];
for (const { folder } of packages) {
  for (const path of sourcesIn(join(folder, 'src'))) {
    const source = readFileSync(path, 'utf8');
    // A sentence may break at any word, so the marks at the start of comment lines count as spaces.
    check(
      relative(root, path),
      source.replace(/\n[ \t]*(\*|\/\/)(?=[ \t])|\s/g, (found) => ' '.repeat(found.length)),
      source,
    );
  }
}
// CONTRIBUTING.md shows what not to write; the bench writes docs/performance.md.
const exempt = ['CONTRIBUTING.md', 'docs/performance.md', 'bench/README.md'];
for (const { path, text } of documents.filter(
  (one) => !exempt.includes(one.path) && !one.path.startsWith('examples'),
)) {
  // Titles of tests are quoted as they are.
  const quoted = prose(text).replace(/"[^"\n]*"/g, (found) => ' '.repeat(found.length));
  check(path, quoted.replace(/\s/g, ' '), text);
}

function check(shown, text, source) {
  for (const [pattern, better] of rules) {
    const spaced = new RegExp(pattern.source.replaceAll(' ', '\\s+'), `g${pattern.flags}`);
    for (const { 0: found, index } of text.matchAll(spaced)) {
      const line = source.slice(0, index).split('\n').length;
      breaches.push(`${shown}:${line}: "${found.replace(/\s+/g, ' ').trim()}": write ${better}`);
    }
  }
}

for (const breach of breaches) console.error(breach);
if (breaches.length > 0) {
  console.error(`check-words: ${breaches.length} places to write in plainer words (CONTRIBUTING.md, "Words")`);
  process.exitCode = 1;
} else console.log('check-words: plain words throughout');

function sourcesIn(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'));
  return names.map((name) => join(folder, name));
}
