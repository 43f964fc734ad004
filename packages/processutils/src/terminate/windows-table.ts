import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** One process as Windows lists it. */
export interface WindowsProcess {
  readonly pid: number;
  /** The process that started it, which may have ended: then another process may have that pid by now. */
  readonly parent: number;
  /** When it started, in ms since 1970; `undefined` if that was not listed. */
  readonly start: number | undefined;
  readonly name: string;
}

// Node has no call for it. PowerShell is part of every Windows but the smallest; wmic of those before 2024.
const ways: readonly (readonly [file: string, ...args: readonly string[]])[] = [
  [
    'WindowsPowerShell/v1.0/powershell.exe',
    '-NoProfile',
    '-NonInteractive',
    '-Command',
    "$ErrorActionPreference='Stop'; Get-CimInstance Win32_Process -Property ProcessId,ParentProcessId,CreationDate,Name | " +
      "ForEach-Object { $start = if ($_.CreationDate) { ([DateTimeOffset]$_.CreationDate).ToUnixTimeMilliseconds() } else { '-' }; " +
      '"$start $($_.ParentProcessId) $($_.ProcessId) $($_.Name)" }',
  ],
  ['wbem/wmic.exe', 'process', 'get', 'Name,ParentProcessId,ProcessId'],
];

/** Milliseconds that one way may take: PowerShell needs a second on a busy machine. */
const limit = 10_000;

/** All processes of the machine; `undefined` if Windows cannot be asked. */
export async function listWindowsProcesses(): Promise<readonly WindowsProcess[] | undefined> {
  for (const [file, ...args] of ways) {
    const found = parseWindowsTable(await said(systemProgram(file), args));
    // A table without this process is none.
    if (found.some(({ pid }) => pid === process.pid)) return found;
  }
  return undefined;
}

/** The path of a program that belongs to Windows: no search could find another one of that name. */
export function systemProgram(file: string): string {
  return join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', file);
}

/** The lines `START PARENT PID NAME` of PowerShell, or wmic's table of `Name ParentProcessId ProcessId`. */
export function parseWindowsTable(text: string): WindowsProcess[] {
  return text.split(/\r*\n/).flatMap((line) => {
    const [, start, parent, pid, name] = /^(-|\d+) (\d+) (\d+) (.*)$/.exec(line) ?? [];
    if (pid !== undefined) {
      return {
        pid: Number(pid),
        parent: Number(parent),
        start: start === '-' ? undefined : Number(start),
        name: name ?? '',
      };
    }
    const [, named, parentThen, pidThen] = /^(.*?\S) +(\d+) +(\d+) *$/.exec(line) ?? [];
    if (pidThen === undefined) return [];
    return { pid: Number(pidThen), parent: Number(parentThen), start: undefined, name: named ?? '' };
  });
}

function said(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { encoding: 'buffer', timeout: limit, windowsHide: true, maxBuffer: 64 * 1024 * 1024 } as const;
    try {
      execFile(file, args, options, (_error, stdout) => resolve(textOf(stdout)));
    } catch {
      // No descriptors are left.
      resolve('');
    }
  });
}

// wmic writes UTF-16.
function textOf(bytes: Buffer): string {
  return bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.toString('utf16le', 2) : bytes.toString('utf8');
}
