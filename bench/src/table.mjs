import Table from 'cli-table3';
import { findRow } from './compare.mjs';
import { labelOf, shown } from './labels.mjs';
import { quantile, ratio, summary } from './statistics.mjs';

const bare = { 'top-mid': '', 'bottom-mid': '', 'mid-mid': '', middle: ' ', left: '', right: '' };
const corners = {
  'top-left': '',
  'top-right': '',
  'bottom-left': '',
  'bottom-right': '',
  'left-mid': '',
  'right-mid': '',
};
const chars = { ...bare, ...corners, top: '', bottom: '', mid: '' };
const style = { head: [], border: [], compact: true };

/** A figure as text: the median of each subject, the middle half of its samples and their number, and its ratio to the reference. */
export function figureTable(figure) {
  const unit = figure.unit === '' ? '' : `, ${figure.unit}`;
  const table = new Table({
    chars,
    style,
    head: headOf(figure),
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const row of figure.rows) {
    const { median, low, high, count } = summary(row.samples);
    table.push([
      labelOf(row),
      shown(median),
      `${shown(low)} .. ${shown(high)}`,
      shown(quantile(row.samples, 0.99)),
      count,
      ratioOf(figure, row),
    ]);
  }
  const note = figure.better === undefined ? '' : ` (${figure.better} is better)`;
  return `${figure.title}${unit}${note}\n${table.toString()}`;
}

const headOf = ({ reference }) => [
  '',
  'median',
  'middle half',
  'p99',
  'samples',
  reference === undefined ? '' : `x ${reference}`,
];

export function goalTable(goals) {
  const table = new Table({ chars, style, head: ['goal', 'wanted', 'measured', 'middle half', ''] });
  for (const { text, relation, target, median, low, high, verdict } of goals) {
    const spread = low === undefined ? '' : `${shown(low)} .. ${shown(high)}`;
    table.push([text, `${relation} ${target}`, median === undefined ? '' : shown(median), spread, verdict]);
  }
  return table.toString();
}

function ratioOf(figure, row) {
  const reference = figure.reference && findRow(figure, figure.reference, row.with);
  const found = reference && ratio(row.samples, reference.samples);
  return found === undefined ? '' : shown(found.median);
}

/** What {@link compare} found, worst first. */
export function changeTable(changes) {
  const table = new Table({ chars, style, head: ['', 'figure', 'of', 'before', 'now', ''] });
  for (const { worse, figure, row, before, after, to, unit } of changes) {
    const scale = to === undefined ? unit : `x ${to}`;
    table.push([worse ? 'WORSE' : 'better', figure, row, shown(before), shown(after), scale]);
  }
  return table.toString();
}
