import { readFileSync } from 'node:fs';
import { labelOf } from './labels.mjs';
import { Misuse } from './misuse.mjs';
import { max, min, ratio, summary } from './statistics.mjs';

// Below this, what differs is the weather.
const smallest = 0.1;

/**
 * What of ours got worse, or better, than in an older run by more than the spread of either. Where a figure has a
 * reference the ratios to it are compared, so that another machine or a busier day changes nothing.
 */
export function compare(older, newer) {
  const changes = [];
  // A figure of which neither more nor less is better cannot get worse.
  for (const figure of newer.figures.filter(({ better }) => better !== undefined)) {
    const before = older.figures.find(({ id }) => id === figure.id);
    for (const row of figure.rows.filter(({ side }) => side === 'ours')) {
      const old = before && findRow(before, row.subject, row.with);
      if (old === undefined) continue;
      const change = changeOf(figure, spreadOf(before, old), spreadOf(figure, row));
      if (change !== undefined) changes.push({ ...change, figure: figure.id, row: labelOf(row), unit: figure.unit });
    }
  }
  return changes;
}

/** The results of an older run. @throws Misuse that says which file, and what is wrong with it */
export function readResult(file) {
  let result;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Misuse(`${file} cannot be read as results: ${error.message}`);
  }
  if (result.schema !== 1 || !Array.isArray(result.figures))
    throw new Misuse(`${file} holds no results of this program`);
  return result;
}

export function findRow({ rows }, subject, parameters) {
  const wanted = JSON.stringify(parameters ?? {});
  return rows.find((row) => row.subject === subject && JSON.stringify(row.with ?? {}) === wanted);
}

function spreadOf(figure, row) {
  const reference = figure.reference && findRow(figure, figure.reference, row.with);
  const relative = reference && ratio(row.samples, reference.samples);
  const { median: middle, low, high, count } = relative ?? summary(row.samples);
  // The middle half of a handful of samples is no spread.
  const few = count < 8 && relative === undefined;
  return {
    to: relative && figure.reference,
    median: middle,
    low: few ? min(row.samples) : low,
    high: few ? max(row.samples) : high,
  };
}

function changeOf({ better }, before, after) {
  const factor = after.median / before.median;
  if (before.to !== after.to || !Number.isFinite(factor) || Math.abs(factor - 1) < smallest) return undefined;
  const apart = after.low > before.high || after.high < before.low;
  if (!apart) return undefined;
  const worse = better === 'less' ? factor > 1 : factor < 1;
  return { worse, before: before.median, after: after.median, to: after.to };
}
