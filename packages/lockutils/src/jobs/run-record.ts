import { hostname } from 'node:os';
import { realTime } from '@oslo-concurrency/core';
import { type Holder, printable, thisProcess } from '../owner/holder.js';

/** The run of a tick, as the process that ran it recorded it. */
export interface RunRecord {
  /** The process that ran it. */
  readonly by: Holder;
  /** By the wall clock of that process. */
  readonly began: Date;
  /** Absent if no end was recorded. */
  readonly ended?: Date;
  /** `unknown`: it began, and its process died or lost its lease before the end was recorded. */
  readonly outcome: 'done' | 'failed' | 'unknown';
  /** The message of the error that it failed with, cut at 500 characters. */
  readonly error?: string;
}

/** The record of a run of this process that begins now. */
export function begun(label: string | undefined): RunRecord {
  const by = { ...thisProcess(), host: hostname(), ...(label === undefined ? {} : { label }) };
  return { by, began: new Date(realTime.date()), outcome: 'unknown' };
}

/** The same run when it has ended. */
export function ended(record: RunRecord, failure: { readonly error: unknown } | undefined): RunRecord {
  const end = { ...record, ended: new Date(realTime.date()) };
  if (failure === undefined) return { ...end, outcome: 'done' };
  const { error } = failure;
  return { ...end, outcome: 'failed', error: (error instanceof Error ? error.message : String(error)).slice(0, 500) };
}

/** The record as text, with the version of the format. */
export function encodeRun(record: RunRecord): string {
  return JSON.stringify({ version: 1, ...record });
}

/** Decodes a record. What is no record counts as a run whose end is unknown: it is safer not to run a tick again. */
export function decodeRun(text: string): RunRecord {
  try {
    const { by, began, ended: end, outcome, error } = JSON.parse(text) as { readonly [key: string]: unknown };
    const { pid, command, host, label } = (by ?? {}) as { readonly [key: string]: unknown };
    const at = dateOf(end);
    return {
      by: {
        ...(typeof pid === 'number' ? { pid } : {}),
        ...(typeof command === 'string' ? { command: printable(command) } : {}),
        ...(typeof host === 'string' ? { host: printable(host) } : {}),
        ...(typeof label === 'string' ? { label: printable(label) } : {}),
      },
      began: dateOf(began) ?? new Date(0),
      ...(at === undefined ? {} : { ended: at }),
      outcome: outcome === 'done' || outcome === 'failed' ? outcome : 'unknown',
      ...(typeof error === 'string' ? { error: printable(error) } : {}),
    };
  } catch {
    return { by: {}, began: new Date(0), outcome: 'unknown' };
  }
}

function dateOf(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
