/** The text, cut to a width in columns of a terminal; an ellipsis shows that it was cut. */
export function cut(text: string, width: number): string {
  const kept: string[] = [];
  let left = width;
  for (const character of text) {
    left -= columnsOf(character);
    kept.push(character);
    if (left >= 0) continue;
    // The last column is for the ellipsis.
    while (left < 1 && kept.length > 0) left += columnsOf(kept.pop() ?? '');
    return `${kept.join('')}…`;
  }
  return text;
}

// From this code point on, scripts have letters that take two columns. Some narrow characters count as wide, which only
// cuts the text slightly too early.
function columnsOf(character: string): number {
  return (character.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2;
}
