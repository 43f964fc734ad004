/**
 * In which order the lines of stdout and stderr were completed, so that the two can be woven into one text at the end.
 *
 * Whole lines, and only their order, because that is safe: what is woven is what may be shown of each stream by itself. A
 * text joined piece by piece and masked as one would show a secret that a line of the other stream has torn apart.
 */
export class LineOrder {
  /** How many lines of stdout came, then how many of stderr, and so on in turn. */
  #runs: number[] = [0];
  #lost = false;

  /** Notes the lines that a piece of stdout (0) or stderr (1) completes, of which `leftOut` bytes were not kept so far. */
  add(from: 0 | 1, piece: Buffer, leftOut: number): void {
    if (leftOut > 0) this.forget();
    if (this.#lost) return;
    let lines = 0;
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines += 1;
    if (lines === 0) return;
    if ((this.#runs.length - 1) % 2 !== from) this.#runs.push(0);
    this.#runs[this.#runs.length - 1] = (this.#runs.at(-1) ?? 0) + lines;
  }

  /** For when a stream has not all its lines any more. The order must not take more memory than what is kept. */
  forget(): void {
    this.#lost = true;
    this.#runs = [];
  }

  /**
   * Both texts in one, a last line that has no end after all others; where a text has other lines than those that came,
   * since some were left out or a mask has joined some, stdout and then stderr.
   */
  weave(stdout: string, stderr: string): string {
    const texts = [stdout, stderr];
    const at = [0, 0];
    let woven = '';
    for (const [run, lines] of this.#runs.entries()) {
      const text = texts[run % 2] ?? '';
      const begin = at[run % 2] ?? 0;
      let end = begin;
      for (let left = lines; left > 0; left -= 1) {
        end = text.indexOf('\n', end) + 1;
        if (end === 0) return stdout + stderr;
      }
      at[run % 2] = end;
      woven += text.slice(begin, end);
    }
    const rest = texts.map((text, which) => text.slice(at[which]));
    return this.#lost || rest.some((text) => text.includes('\n')) ? stdout + stderr : woven + rest.join('');
  }
}
