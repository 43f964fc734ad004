const units = new Map([
  ['ms', 1],
  ['s', 1000],
  ['', 1000],
  ['m', 60_000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);

/** The form that {@link parseDuration} accepts, for messages and help. */
export const durationForm = 'a number of seconds, or with a unit: 500ms, 10s, 5m, 2h, 7d, 1w';

/** Milliseconds from `1.5`, `500ms`, `7d`; `undefined` if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = units.get((unit ?? '').toLowerCase());
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}

/** `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 4 h`: the two largest units, rounded down. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}
