/** A period of time in a row. Times are milliseconds since the beginning of the timeline. */
export interface Bar {
  readonly kind: 'wait' | 'hold';
  readonly from: number;
  readonly to: number;
  /** The lock's place in {@link Layout.names}. */
  readonly lock: number;
  /** Held together with others. */
  readonly together: boolean;
  readonly tip: string;
}

/** A moment in a row. */
export interface Mark {
  readonly kind: 'fault' | 'gaveUp' | 'failed' | 'violation';
  readonly at: number;
  readonly tip: string;
}

/** One holder or waiter; a contender of a test, or one of its tasks if it has several. */
export interface Row {
  readonly label: string;
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
}

/** What a timeline shows, before it is drawn. */
export interface Layout {
  /** The length in milliseconds. */
  readonly duration: number;
  /** The names of the locks. */
  readonly names: readonly string[];
  readonly rows: readonly Row[];
  /** One line for each violation, with its time. */
  readonly violations: readonly { readonly at: number; readonly text: string }[];
}

/** Milliseconds for people. */
export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(1) : Math.round(value)} ms`;
}
