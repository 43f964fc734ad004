/** The keys of one name, in the order in which the scripts expect them. */
export type LeaseKeys = readonly [held: string, queue: string, processes: string, tokens: string, record: string];

/**
 * The keys of `name`. They share one hash tag, so a Redis Cluster keeps them in one slot. In the tag `%`, `{` and `}` are
 * escaped: a brace in a name would end the tag early, and an empty tag is none.
 */
export function leaseKeys(prefix: string, name: string): LeaseKeys {
  const tag = `${prefix}{${name.replace(/[%{}]/g, encodeURIComponent)}}`;
  return [`${tag}:held`, `${tag}:queue`, `${tag}:processes`, `${tag}:token`, `${tag}:record`];
}

/** What the channels begin with on which the drivers of one prefix are called. */
export function channelPrefix(prefix: string): string {
  return `${prefix}call:`;
}
