import { execFileSync } from 'node:child_process';

/** What {@link importFootprint} is told besides what to import. */
export interface ImportFootprintOptions {
  /** The directory that bare specifiers are resolved from. */
  readonly cwd?: string;
  /** What the program has imported already, and so is not counted. */
  readonly after?: readonly string[];
}

/** What an import loads. */
export interface ImportFootprint {
  /** The files that were read and compiled. */
  readonly files: readonly string[];
  /** How many thousand characters of source these files have. */
  readonly kilocharacters: number;
  /** How many modules of Node's own were loaded, internal ones included: they cost as ours do. */
  readonly nodeModules: number;
}

/**
 * What importing `specifier` into a fresh process loads. It stands for the cost of the import, and is the same in each run:
 * milliseconds are not, so `npm run bench` judges those, beside an empty Node.
 */
export function importFootprint(specifier: string, { cwd, after = [] }: ImportFootprintOptions = {}): ImportFootprint {
  const flags = ['--input-type=module', '-e', program, specifier, ...after];
  const said = execFileSync(process.execPath, flags, { cwd, encoding: 'utf8' });
  return JSON.parse(said) as ImportFootprint;
}

// The debugger of Node tells of each script that is compiled.
const program = `
  const { Session } = await import('node:inspector');
  const [specifier, ...after] = process.argv.slice(1);
  for (const earlier of after) await import(earlier);
  const session = new Session();
  session.connect();
  const scripts = [];
  session.on('Debugger.scriptParsed', ({ params }) => scripts.push(params));
  session.post('Debugger.enable');
  // Those that were compiled before are told of first.
  scripts.length = 0;
  const before = process.moduleLoadList.length;
  await import(specifier);
  const loaded = process.moduleLoadList.slice(before).filter((name) => name.startsWith('NativeModule'));
  const read = scripts.filter(({ url }) => !url.startsWith('node:') && !url.startsWith('evalmachine'));
  console.log(JSON.stringify({
    files: read.map(({ url }) => url),
    kilocharacters: Math.ceil(read.reduce((sum, { length }) => sum + length, 0) / 1000),
    nodeModules: loaded.length,
  }));`;
