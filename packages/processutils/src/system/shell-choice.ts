/** The shell that `shell: true` means: on Windows what ComSpec names, elsewhere `/bin/sh`. */
export function usualShell(platform = process.platform, env: NodeJS.ProcessEnv = process.env): string {
  if (platform !== 'win32') return '/bin/sh';
  return env.ComSpec || 'cmd.exe';
}

/** Whether a shell is `cmd.exe`, which has other options than those of POSIX, and no `$1`. */
export function isWindowsShell(shell: string, platform = process.platform): boolean {
  return platform === 'win32' && /(^|[\\/])cmd(\.exe)?$/i.test(shell);
}
