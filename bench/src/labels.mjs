/** How a row is called in tables: its subject and what it was measured with. */
export function labelOf({ subject, with: parameters }) {
  const values = Object.entries(parameters ?? {}).map(([name, value]) => `${name} ${value}`);
  return [subject, ...values].join(', ');
}

/** A figure with three digits that mean something. */
export function shown(value) {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}
