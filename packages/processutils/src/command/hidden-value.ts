/** Names the kind of a value that may hold a secret. */
export function hidden(value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  return `[${kind}, not shown]`;
}
