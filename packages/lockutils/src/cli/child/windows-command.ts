import { win32 } from 'node:path';

/**
 * The names by which Windows looks for a program, in their order: in the current directory first, then in those of PATH;
 * with each extension of PATHEXT, unless the name has one of its own. Names of variables have no case there.
 */
export function windowsCandidates(program: string, env: NodeJS.ProcessEnv): string[] {
  const extensions = (variable(env, 'PATHEXT') || '.COM;.EXE;.BAT;.CMD').split(';');
  const hasExtension = /\.[^.\\/:]*$/.test(program);
  const names = [...(hasExtension ? [program] : []), ...extensions.map((extension) => program + extension)];
  if (/[\\/:]/.test(program)) return names;
  const folders = (variable(env, 'PATH') ?? '').split(';').filter((folder) => folder !== '');
  return ['.', ...folders].flatMap((folder) => names.map((name) => win32.join(folder.replace(/^"(.*)"$/, '$1'), name)));
}

/** A variable of an environment of Windows, whatever the case of its name. */
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1];
}

/** What to start for a program: a file, its arguments, and whether Windows gets these as they are. */
export interface WindowsStart {
  readonly file: string;
  readonly args: readonly string[];
  readonly verbatim: boolean;
}

/**
 * How to start the program at `path`. Windows executes no batch file by itself, and Node refuses to: `cmd.exe` does.
 */
export function windowsStart(path: string, args: readonly string[], env: NodeJS.ProcessEnv): WindowsStart {
  if (!/\.(cmd|bat)$/i.test(path)) return { file: path, args, verbatim: false };
  const line = [escaped(win32.normalize(path)), ...args.map(quoted)].join(' ');
  return { file: variable(env, 'COMSPEC') || 'cmd.exe', args: ['/d', '/s', '/c', `"${line}"`], verbatim: true };
}

/**
 * One argument for a batch file. Programs read `\\"` as a quote, so backslashes before one are doubled. `cmd.exe` reads the
 * line, and again each line of the batch file that the argument is put into, as `%1` or `%*`. In the second reading the
 * quotes around it protect most characters, but not `"` and `%` themselves: an argument could end the quotes and begin
 * another command. Those arguments are escaped for both readings; a batch file that compares such an argument as a text
 * sees the escapes.
 */
function quoted(argument: string): string {
  const text = argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, '$1$1');
  const once = escaped(`"${text}"`);
  return /["%]/.test(argument) ? escaped(once) : once;
}

function escaped(text: string): string {
  return text.replace(/[()\][%!^"`<>&|;, *?]/g, '^$&');
}
