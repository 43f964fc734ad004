import { cut } from '../terminal/cut.js';

/** The terminal that a {@link LiveTable} is drawn on. */
export interface Screen {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

// The other screen has no history: what was on the terminal before comes back when it is left.
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearToEndOfLine = '\u001b[K';
const clearBelow = '\u001b[J';

/**
 * A table that is drawn again and again on a terminal, on the screen for full-screen programs and without a cursor. `end`
 * restores both. Ctrl-Z restores them too, and `fg` draws again.
 */
export class LiveTable {
  readonly #screen: Screen;
  #lines: readonly string[] = [];
  #ended = false;

  constructor(screen: Screen) {
    this.#screen = screen;
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#goOn);
    process.on('SIGWINCH', this.#draw);
    screen.write(enter);
  }

  show(lines: readonly string[]): void {
    this.#lines = lines;
    this.#draw();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#goOn);
    process.off('SIGWINCH', this.#draw);
    this.#screen.write(leave);
  }

  readonly #draw = (): void => {
    // A terminal without a known size reports 0.
    const columns = this.#screen.columns || 80;
    const rows = this.#screen.rows || 24;
    const all = this.#lines;
    const more = all.length - rows;
    const shown = more > 0 ? [...all.slice(0, rows - 1), `... and ${more + 1} more`] : all;
    const text = shown.map((line) => `${cut(line, columns)}${clearToEndOfLine}`).join('\n');
    this.#screen.write(`${home}${text}${clearBelow}`);
  };

  readonly #stop = (): void => {
    this.#screen.write(leave);
    process.kill(process.pid, 'SIGSTOP');
  };

  readonly #goOn = (): void => {
    this.#screen.write(enter);
    this.#draw();
  };
}
