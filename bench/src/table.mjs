import Table from 'cli-table3';
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

/** A figure as text: the median of each subject, the middle half of its samples, and its ratio to the reference. */
export function figureTable(figure) {
  const unit = figure.unit === '' ? '' : `, ${figure.unit}`;
  const table = new Table({
    chars,
    style,
    head: headOf(figure),
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  for (const row of figure.rows) {
    const { median, low, high } = summary(row.samples);
    table.push([
      labelOf(row),
      shown(median),
      `${shown(low)} .. ${shown(high)}`,
      shown(quantile(row.samples, 0.99)),
      ratioOf(figure, row),
    ]);
  }
  return `${figure.title}${unit} (${figure.better} is better)\n${table.toString()}`;
}

const headOf = ({ reference }) => ['', 'median', 'middle half', 'p99', reference === undefined ? '' : `x ${reference}`];

export function goalTable(goals) {
  const table = new Table({ chars, style, head: ['goal', 'wanted', 'measured', 'middle half', ''] });
  for (const { text, relation, target, median, low, high, verdict } of goals) {
    const spread = low === undefined ? '' : `${shown(low)} .. ${shown(high)}`;
    table.push([text, `${relation} ${target}`, median === undefined ? '' : shown(median), spread, verdict]);
  }
  return table.toString();
}

export function labelOf({ subject, with: parameters }) {
  const values = Object.entries(parameters ?? {}).map(([name, value]) => `${name} ${value}`);
  return [subject, ...values].join(', ');
}

export function shown(value) {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

function ratioOf(figure, row) {
  const reference = figure.rows.find(
    ({ subject, with: parameters }) =>
      subject === figure.reference && JSON.stringify(parameters) === JSON.stringify(row.with),
  );
  const found = reference && ratio(row.samples, reference.samples);
  return found === undefined ? '' : shown(found.median);
}
