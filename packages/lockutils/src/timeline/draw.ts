import { InvalidOptionError } from '@oslo-concurrency/core';
import { renderHtml } from './html.js';
import type { Layout } from './layout.js';
import { renderSvg } from './svg.js';
import { renderText } from './text.js';

/** How {@link drawTimeline} draws. */
export interface TimelineDrawing {
  /** `svg`: a picture; `html`: a page that zooms, opens from a file and needs no network; `text`: for a terminal. */
  readonly format: 'svg' | 'html' | 'text';
  /**
   * The heading of the page.
   * @defaultValue `Who held which lock when`
   */
  readonly title?: string;
  /**
   * The width of the bars of a text, in characters.
   * @defaultValue `100`
   */
  readonly columns?: number;
}

/**
 * Draws who held which lock when: one row for each holder, with its waits and holds.
 *
 * `lockutils history` and the fixture's `renderTimeline` draw with it. Keeps no process alive and reads nothing.
 *
 * @throws InvalidOptionError if the format is unknown.
 * @example
 * const bar = { kind: 'hold', from: 0, to: 8, lock: 0, together: false, tip: 'node deploy.js' } as const;
 * const rows = [{ label: 'pid 4242', bars: [bar], marks: [] }];
 * console.log(drawTimeline({ duration: 10, names: ['deploy'], rows, violations: [] }, { format: 'text' }));
 */
export function drawTimeline(timeline: Layout, drawing: TimelineDrawing): string {
  const { format, title = 'Who held which lock when', columns = 100 } = drawing;
  if (format === 'svg') return renderSvg(timeline);
  if (format === 'html') return renderHtml(timeline, title);
  if (format === 'text') return renderText(timeline, columns);
  throw new InvalidOptionError('format', "'svg', 'html' or 'text'", format);
}
