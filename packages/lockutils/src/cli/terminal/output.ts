/** Prints to standard output, after {@link ignoreClosedOutput}. A reader that has seen enough, such as `head`, is no failure; a full disk rejects. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(new Error(`cannot write to standard output: ${error.message}`, { cause: error }));
    });
  });
}

/**
 * Lets nothing that cannot be said end this process. Who waits for a lock, or for a command that holds one, has more
 * to do than to talk, and the default for a stream that fails is to throw from the event loop: a wait would end with the
 * status of a lock that was not free, and a temporary directory would stay.
 */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
