import { readFileSync } from 'node:fs';

// What Linux gives the first process, and what systemd gives services and logins.
const usual = 1024;

let found: { readonly limit: number | undefined } | undefined;

/**
 * The soft limit on open files that a command should have, when Node has raised this process's own; else `undefined`.
 *
 * Node lifts the soft limit to the hard one at its start, and children inherit that: programs that use select(2), or
 * that close every possible descriptor, then fail or crawl. What it was before is nowhere kept, so the nearest
 * ancestor with a lower one says it. systemd, when it is the parent of a service, has the highest itself and gives 1024.
 */
export function originalOpenFilesLimit(): number | undefined {
  // Without a descriptor to look with, nothing is found, and nothing is kept.
  if (found === undefined && (process.platform !== 'linux' || read('/proc/self/limits') !== ''))
    found = { limit: detect() };
  return found?.limit;
}

function detect(): number | undefined {
  const own = limitsOf('self');
  if (own === undefined || own.soft !== own.hard || own.soft <= usual) return undefined;
  let top = 'self';
  for (let pid = parentOf(top); pid !== undefined && pid !== '0'; pid = parentOf(top)) {
    const ancestor = limitsOf(pid);
    if (ancestor !== undefined && ancestor.soft < own.soft) return ancestor.soft;
    top = pid;
  }
  return read(`/proc/${top}/comm`) === 'systemd\n' ? usual : undefined;
}

function limitsOf(pid: string): { readonly soft: number; readonly hard: number } | undefined {
  const found = /^Max open files +(\d+) +(\d+)/m.exec(read(`/proc/${pid}/limits`));
  return found === null ? undefined : { soft: Number(found[1]), hard: Number(found[2]) };
}

function parentOf(pid: string): string | undefined {
  return /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
