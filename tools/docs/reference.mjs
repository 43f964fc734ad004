// Writes the reference of the site: a page for each exported name, from the doc comments. typedoc reads the sources and
// typedoc-plugin-markdown writes them down. This file arranges the result for readers: one page for all overloads of a
// function, its options on the same page with their defaults, functions first and error classes last. It returns what the doc
// comments do not say, so that the build can fail: an option without a default, a parameter without a description.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What most readers look for, in this order; the other functions follow by name. */
const first = {
  lockutils: ['lock', 'lockSync', 'acquireAll', 'synchronized', 'lease', 'leaseAll', 'lead', 'oncePer'],
  processutils: ['execute', 'executeLines', 'executePipeline', 'trycmd', 'sshExecute'],
};
const groups = [
  { title: 'Functions', folder: '', of: ({ kind }) => kind === 'functions' },
  { title: 'Classes', folder: 'classes', of: ({ kind, name }) => kind === 'classes' && !name.endsWith('Error') },
  {
    title: 'Options',
    folder: 'types',
    of: ({ kind, name }) => /^(interfaces|type-aliases)$/.test(kind) && name.endsWith('Options'),
  },
  {
    title: 'Types',
    folder: 'types',
    of: ({ kind, name }) => /^(interfaces|type-aliases)$/.test(kind) && !name.endsWith('Options'),
  },
  { title: 'Values', folder: 'values', of: ({ kind }) => kind === 'variables' },
  { title: 'Errors', folder: 'errors', of: ({ kind, name }) => kind === 'classes' && name.endsWith('Error') },
];

/** Writes `reference/<name>/` below `site` for a package; returns its groups for the sidebar, and the complaints. */
export async function writeReference({ home, site, name, folder, manifest }) {
  const raw = join(site, '..', '.reference', name);
  const entries = Object.entries(manifest.exports).filter(([, { types }]) => types !== undefined);
  const entryPoints = entries.map(([, { types }]) => types.replace('./dist/', 'src/').replace('.d.ts', '.ts'));
  await run(folder, [
    join(home, 'node_modules/typedoc/bin/typedoc'),
    ...['--plugin', join(home, 'node_modules/typedoc-plugin-markdown/dist/index.js')],
    ...entryPoints.flatMap((file) => ['--entryPoints', file]),
    ...['--tsconfig', 'tsconfig.build.json', '--out', raw, '--json', `${raw}.json`],
    ...['--router', 'member', '--name', name, '--readme', 'none', '--hideBreadcrumbs', '--hidePageHeader'],
    // A table of parameters and properties, not a heading for each; and what comes from Node's own classes is not ours to document.
    ...['parameters', 'interfaceProperties', 'classProperties', 'typeDeclaration'].flatMap((what) => [
      `--${what}Format`,
      'table',
    ]),
    ...[
      '--tableColumnSettings.hideInherited',
      '--tableColumnSettings.hideOverrides',
      '--tableColumnSettings.hideModifiers',
    ],
    ...['--useCodeBlocks', '--excludeExternals'],
    ...['--disableSources', '--excludePrivate', '--excludeInternal', '--githubPages', 'false', '--logLevel', 'Error'],
  ]);
  const model = new Model(JSON.parse(readFileSync(`${raw}.json`, 'utf8')));
  const complaints = [];

  const pages = new Map();
  for (const file of readdirSync(raw, { recursive: true })) {
    const found = /^(?:(.*)\/)?(functions|classes|interfaces|type-aliases|variables)\/([^/]+)\.md$/.exec(file);
    if (found === null) continue;
    const [, module = 'index', kind, symbol] = found;
    const group = groups.find(({ of }) => of({ kind, name: symbol }));
    const specifier = entries[entryPoints.findIndex((path) => basename(path, '.ts') === module)]?.[0] ?? '.';
    const text = readFileSync(join(raw, file), 'utf8');
    pages.set(symbol, { symbol, kind, group, specifier, text, place: join(group.folder, `${symbol}.md`) });
  }
  for (const page of pages.values()) {
    const shown = page.kind === 'functions' ? functionPage(page, pages, model, complaints, name) : memberPage(page);
    const target = join(site, 'reference', name, page.place);
    mkdirSync(dirname(target), { recursive: true });
    const front = `---\noutline: [2, 3]\neditLink: false\n---\n\n# ${page.symbol}${page.kind === 'functions' ? '()' : ''}\n\n`;
    writeFileSync(target, front + importLine(manifest.name, page) + relink(shown, page, pages));
  }
  for (const { name: type, children = [] } of model.interfaces(/Options$/)) {
    for (const child of children) {
      if (child.flags.isOptional && defaultOf(child) === undefined)
        complaints.push(`${name}: ${type}.${child.name} states no @defaultValue`);
      if (child.comment?.summary === undefined) complaints.push(`${name}: ${type}.${child.name} has no description`);
    }
  }
  for (const symbol of exportsIn(folder)) if (!pages.has(symbol)) complaints.push(`${name}: ${symbol} has no page`);

  const sidebar = groups
    .map(({ title, folder: below }) => {
      const members = [...pages.values()].filter(({ group }) => group.title === title);
      const rank = ({ symbol }) => (first[name] ?? []).indexOf(symbol) + 1 || 1000;
      members.sort((a, b) => rank(a) - rank(b) || a.symbol.localeCompare(b.symbol));
      const items = members.map(({ symbol, kind }) => ({
        text: kind === 'functions' ? `${symbol}()` : symbol,
        link: `/reference/${name}/${below === '' ? '' : `${below}/`}${symbol}`,
      }));
      return {
        text: title,
        collapsed: title !== 'Functions',
        items,
        summaries: members.map(({ symbol }) => model.summary(symbol)),
      };
    })
    .filter(({ items }) => items.length > 0);
  const lists = sidebar.map(({ text, items, summaries }) => {
    const rows = items.map(
      ({ text: label, link }, n) => `| [\`${label}\`](${link}) | ${summaries[n].replaceAll('|', '\\|')} |`,
    );
    return `## ${text}\n\n| | |\n| --- | --- |\n${rows.join('\n')}\n`;
  });
  writeFileSync(
    join(site, 'reference', name, 'index.md'),
    `---\neditLink: false\n---\n\n# ${manifest.name}\n\n${manifest.description}. [Guide](/packages/${name}).\n\n${lists.join('\n')}`,
  );
  // Only this package's: another one is being written beside it.
  for (const path of [raw, `${raw}.json`]) rmSync(path, { recursive: true, force: true });
  return { sidebar: sidebar.map(({ summaries, ...group }) => group), complaints };
}

function importLine(packageName, { symbol, group, specifier }) {
  const from = specifier === '.' ? packageName : `${packageName}${specifier.slice(1)}`;
  return `\`\`\`ts\nimport { ${group.folder === 'types' ? 'type ' : ''}${symbol} } from '${from}';\n\`\`\`\n\n`;
}

/** All overloads on one page: the signatures, what the first comment says, each parameter once, and each option. */
function functionPage({ symbol, text }, pages, model, complaints, packageName) {
  const body = text.replace(/^# .*$/m, '');
  const parts = /^## Call Signature$/m.test(body)
    ? body
        .split(/^## Call Signature$/m)
        .slice(1)
        .map((part) => part.replace(/^###/gm, '##'))
    : [body];
  const overloads = parts.map((part) => {
    const [head, ...sections] = part.split(/^## /m);
    const [, code = '', description = ''] = /^\s*(```ts\n[\s\S]*?\n```)\n([\s\S]*)$/.exec(head) ?? [];
    return {
      code,
      description: description.trim(),
      sections: new Map(
        sections.map((section) => [section.split('\n')[0], section.slice(section.indexOf('\n')).trim()]),
      ),
    };
  });
  const signatures = model.function(symbol).signatures;
  const parameters = new Map();
  overloads.forEach(({ sections }, n) => {
    for (const row of rows(sections.get('Parameters') ?? '')) {
      const key = row.Parameter.replaceAll(/[`?]/g, '');
      const declared = signatures[n].parameters.find((one) => one.name === key.split('.')[0].replace('...', ''));
      const known = parameters.get(key);
      const optional =
        row.Parameter.includes('?') ||
        known?.optional ||
        (known === undefined && n > 0) ||
        (overloads.length > n + 1 && !overloads.every((one) => one.sections.get('Parameters')?.includes(`\`${key}`)));
      const said = row.Description && row.Description !== '-' ? row.Description : (known?.said ?? '');
      parameters.set(key, { type: row.Type, optional, said, declared });
    }
  });
  const options = [...parameters.values()].flatMap(({ declared }) =>
    declared === undefined || !isOptions(declared) ? [] : model.members(declared.type),
  );
  const lines = [...parameters].map(([key, { type, optional, said, declared }]) => {
    const text =
      said ||
      (options.length > 0 && isOptions(declared) ? 'See [options](#options).' : model.summaryOf(declared?.type));
    if (text === '' && !key.includes('.'))
      complaints.push(`${packageName}: ${symbol}() does not describe its parameter ${key}`);
    return `| \`${key}${optional ? '?' : ''}\` | ${type} | ${text.replaceAll(/(?<!\\)\|/g, '\\|')} |`;
  });
  const shown = [overloads.map(({ code }) => code.replace(/^```ts\n|\n```$/g, '')).join('\n\n')];
  const out = [`\`\`\`ts\n${shown}\n\`\`\``, overloads[0].description];
  if (lines.length > 0)
    out.push('## Parameters', ['| Parameter | Type | Description |', '| --- | --- | --- |', ...lines].join('\n'));
  if (options.length > 0) out.push('## Options', ...options.map((option) => optionText(option, pages, model)));
  const returns = [...new Set(overloads.map(({ sections }) => sections.get('Returns')).filter(Boolean))];
  if (returns.length > 0) out.push('## Returns', returns.join('\n\nor\n\n'));
  for (const [title, section] of overloads[0].sections) {
    if (!['Parameters', 'Type Parameters', 'Returns'].includes(title)) out.push(`## ${title}`, section);
  }
  return `${out.filter(Boolean).join('\n\n')}\n`;
}

const isOptions = ({ name, type }) => /^(options|values)$/.test(name) && type.type !== 'reflection';
const defaultOf = ({ comment }) => comment?.blockTags?.find(({ tag }) => tag === '@defaultValue');

/** An option: a heading that the search finds, its type and default, and what it does. */
function optionText(option, pages, model) {
  const page = pages.get(model.parentOf(option).name);
  const row = rows(page?.text ?? '').find(({ Property }) => new RegExp(`\`${option.name}\\??\``).test(Property ?? ''));
  const type = (row?.Type ?? '')
    .replaceAll('\\|', '|')
    .replace(/^\| /, '')
    .replace(/ \| `undefined`$/, '');
  const value = option.flags.isOptional ? (row?.['Default value'] ?? '') : '';
  return [
    `### ${option.name}`,
    `${type} · ${option.flags.isOptional ? `default: ${value.replaceAll('\\|', '|')}` : '**required**'}`,
    (row?.Description ?? '').replaceAll('\\|', '|'),
  ].join('\n\n');
}

function memberPage({ kind, text }) {
  let body = text
    .replace(/^# .*\n/m, '')
    .replace(/^#{3,6} Overrides\n\n.*\n/gm, '')
    .replace(/^#{3,6} Inherited from\n\n.*\n/gm, '')
    .replace(/^## Extended by\n\n(- .*\n)+/m, '');
  // What a field of a class begins with is no default that a caller could change.
  if (kind === 'classes') body = body.replace(/(?:^\|.*\n)+/gm, (table) => withoutColumn(table, 'Default value'));
  return body;
}

function withoutColumn(table, title) {
  const lines = table.trimEnd().split('\n').map(cells);
  const at = lines[0].indexOf(title);
  if (at < 0) return table;
  return `${lines.map((line) => `| ${line.filter((_, n) => n !== at).join(' | ')} |`).join('\n')}\n`;
}

const cells = (line) => line.replace(/^\|\s*|\s*\|\s*$/g, '').split(/\s*(?<!\\)\|\s*/);

/** The rows of the tables in a text, each as an object by the titles of its columns. */
function rows(text) {
  let titles;
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('|')) titles = undefined;
    else if (titles === undefined) titles = cells(line);
    else if (!/^\|[\s|:-]+$/.test(line)) return [Object.fromEntries(cells(line).map((cell, n) => [titles[n], cell]))];
    return [];
  });
}

/** Links between the pages as they are arranged here. */
function relink(text, page, pages) {
  return text.replaceAll(/\]\((?!https?:)([^)#]*?([\w$]+)\.md)?(#[^)]*)?\)/g, (whole, _path, symbol, fragment = '') => {
    if (symbol === undefined) return whole;
    const target = pages.get(symbol);
    if (target === undefined) throw new Error(`${page.symbol} links to ${whole}, which has no page`);
    return `](${page.group.folder === '' ? './' : '../'}${target.place}${fragment})`;
  });
}

/** The names that the API reports of the package list as exported: what has to have a page. */
function exportsIn(folder) {
  const reports = readdirSync(folder).filter((file) => file.endsWith('.api.md'));
  return reports.flatMap((file) =>
    [
      ...readFileSync(join(folder, file), 'utf8').matchAll(
        /^export (?:(?:declare|abstract) )*(?:class|function|const|interface|type) (\w+)/gm,
      ),
    ].map(([, symbol]) => symbol),
  );
}

/** What typedoc knows of the sources. */
class Model {
  #byId = new Map();
  #parents = new Map();

  constructor(project) {
    const walk = (reflection) => {
      this.#byId.set(reflection.id, reflection);
      for (const child of reflection.children ?? []) {
        this.#parents.set(child.id, reflection);
        walk(child);
      }
    };
    walk(project);
  }

  #all = () => [...this.#byId.values()];
  parentOf = ({ id }) => this.#parents.get(id);
  function = (name) => this.#all().find((one) => one.name === name && one.kind === 64);
  interfaces = (pattern) => this.#all().filter((one) => one.kind === 256 && pattern.test(one.name));
  #exported = (name) =>
    this.#all().find((one) => one.name === name && one.variant === 'declaration' && this.parentOf(one)?.kind <= 2);

  /** The options behind a type: an interface, or a Pick, Omit, Partial or intersection of some. */
  members(type) {
    if (type === undefined) return [];
    if (type.type === 'intersection') return type.types.flatMap((one) => this.members(one));
    if (type.type !== 'reference') return [];
    if (typeof type.target === 'number' && this.#byId.has(type.target)) {
      const target = this.#byId.get(type.target);
      return target.kind === 256 ? (target.children ?? []) : this.members(target.type);
    }
    const [of, names] = type.typeArguments ?? [];
    const literals = names === undefined ? [] : (names.types ?? [names]).map(({ value }) => value);
    if (type.name === 'Pick') return this.members(of).filter(({ name }) => literals.includes(name));
    if (type.name === 'Omit') return this.members(of).filter(({ name }) => !literals.includes(name));
    return /^(Partial|Readonly)$/.test(type.name) ? this.members(of) : [];
  }

  /** The first sentence about an exported name. */
  summary(name) {
    const found = this.#exported(name);
    return sentence(found?.comment ?? found?.signatures?.[0]?.comment);
  }

  summaryOf(type) {
    const found = typeof type?.target === 'number' ? this.#byId.get(type.target) : undefined;
    return sentence(found?.comment);
  }
}

function sentence(comment) {
  const text = (comment?.summary ?? [])
    .map(({ text }) => text)
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return /^.*?[.:](?= [A-Z`]|$)/.exec(text)?.[0] ?? text;
}

function run(cwd, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`typedoc in ${cwd}: ${status}\n${said}`)),
    );
  });
}
