/** One thing that a contender saw. `at`: milliseconds of the system-wide monotonic clock. */
export interface Fact {
  readonly id: string;
  readonly what:
    | 'granted'
    | 'held'
    | 'adds'
    | 'added'
    | 'perhaps added'
    | 'not added'
    | 'released'
    | 'lost'
    | 'refused'
    | 'unhandled';
  readonly token?: string;
  readonly at: number;
  readonly from?: number;
  readonly code?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly error?: string;
}

/**
 * What is wrong with the history; empty when nothing is.
 *
 * `granted` from s to t: the signal was not aborted at an instant between. `held` at t: not aborted at an instant after
 * t. So when a holder has `held` later than one with a greater token has `granted`, there was an instant at which both
 * were not aborted: no false alarm is possible, whatever the scheduler did between looking and writing.
 */
export function violations(history: readonly Fact[]): string[] {
  const found = history.filter(({ what }) => what === 'unhandled').map(({ id, error }) => `${id}: unhandled ${error}`);
  const grants = history
    .filter(({ what }) => what === 'granted')
    .map((fact) => ({
      id: fact.id,
      token: BigInt(fact.token ?? 0),
      from: fact.from ?? fact.at,
      at: fact.at,
      until: fact.at,
    }))
    .sort((a, b) => (a.token < b.token ? -1 : 1));
  for (const grant of grants) {
    for (const { what, token, at } of history) {
      if (what === 'held' && token === String(grant.token)) grant.until = Math.max(grant.until, at);
    }
  }
  grants.forEach((later, index) => {
    for (const earlier of grants.slice(0, index)) {
      const both = `${earlier.id} (token ${earlier.token}) and ${later.id} (${later.token})`;
      if (earlier.token === later.token) found.push(`${both} have the same token`);
      else if (earlier.from > later.at) found.push(`${both} were granted in the wrong order`);
      else if (earlier.until > later.at)
        found.push(`${both} both held, for ${(earlier.until - later.at).toFixed(1)} ms`);
    }
  });
  return found;
}

/**
 * How many additions were confirmed, and how many may have been made in addition: those whose outcome is not known, and those
 * that a contender had begun when it was killed.
 */
export function additions(history: readonly Fact[]): { readonly sure: number; readonly perhaps: number } {
  const count = (what: Fact['what']): number => history.filter((fact) => fact.what === what).length;
  const outcomes = ['added', 'perhaps added', 'not added'];
  const ended = new Set(history.filter(({ what }) => outcomes.includes(what)).map(({ token }) => token));
  const killed = history.filter(({ what, token }) => what === 'adds' && !ended.has(token)).length;
  return { sure: count('added'), perhaps: count('perhaps added') + killed };
}
