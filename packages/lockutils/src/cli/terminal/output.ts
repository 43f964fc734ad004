/**
 * Prints to standard output; call {@link ignoreClosedOutput} first. A reader that stops reading, such as `head`, is not
 * a failure. A full disk rejects.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(new Error(`cannot write to standard output: ${error.message}`, { cause: error }));
    });
  });
}

/**
 * Keeps failed output from ending this process. The default for a stream that fails is to throw from the event loop.
 * Then a wait would end with the status of a lock that was not free, and a temporary directory would stay. But waiting
 * for a lock, or for a command that holds one, is more important than the output.
 */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
