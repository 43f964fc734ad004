import { createInterface } from 'node:readline';

/**
 * Serves a contestant process: each line on stdin is `{id, op, ...}`, each answer on stdout `{id, value}` or
 * `{id, error}`. Ends when stdin does, so that nobody outlives the run that asked.
 */
export function answer(handlers) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, op, ...request } = JSON.parse(line);
    try {
      reply({ id, value: (await handlers[op](request)) ?? null });
    } catch (error) {
      reply({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    }
  });
  lines.on('close', () => process.exit());
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
