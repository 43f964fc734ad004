import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packages, root } from './workspaces.mjs';

const below = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true })
        .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
        .map((file) => join(folder, file))
    : [];

/** Every document a person reads, with its text: the root's, the site's, the packages' and the examples' READMEs. */
export const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...below('docs'),
  ...below('examples'),
  ...below('bench'),
  ...packages.map(({ folder }) => join(relative(root, folder), 'README.md')),
]
  .filter((path) => existsSync(join(root, path)))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

/** The fenced code blocks of a text: language, the rest of the opening line, the line it starts on, and the code. */
export function codeBlocks(text) {
  const blocks = [];
  let open;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)\s*(.*)$/.exec(line);
    if (open === undefined) {
      if (fence !== null) open = { fence: fence[2], language: fence[3], info: fence[4], line: index + 1, code: [] };
    } else if (line.trim() === open.fence) {
      blocks.push({ ...open, code: open.code.join('\n') });
      open = undefined;
    } else open.code.push(line);
  }
  return blocks;
}

/** The text without its fenced blocks, line numbers kept. */
export function prose(text) {
  let inside = false;
  return text
    .split('\n')
    .map((line) => {
      if (/^\s*(`{3,}|~{3,})/.test(line)) inside = !inside;
      else if (!inside) return line;
      return '';
    })
    .join('\n');
}
