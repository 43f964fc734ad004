import type { Connection, ConnectionSource } from './connection.js';

/** What is used of a client of `ioredis`: `Redis` or `Cluster`. */
export interface IoredisLike {
  readonly status: string;
  readonly options: object;
  duplicate(...overrides: never): unknown;
  evalsha(...args: never): Promise<unknown>;
}

interface Socket {
  unref(): void;
}

interface Ioredis {
  readonly status: string;
  readonly stream?: Socket;
  connect(): Promise<unknown>;
  evalsha(sha: string, keys: number, ...rest: readonly string[]): Promise<unknown>;
  eval(text: string, keys: number, ...rest: readonly string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  // biome-ignore lint/suspicious/noExplicitAny: an event brings what it brings
  on(event: string, listener: (...args: any[]) => void): void;
}

/** Whether `client` comes from `ioredis`. */
export function isIoredis(client: object): client is IoredisLike {
  const { status, options, duplicate, evalsha } = client as Partial<IoredisLike>;
  return (
    typeof status === 'string' &&
    typeof options === 'object' &&
    typeof duplicate === 'function' &&
    typeof evalsha === 'function'
  );
}

/** Connections that are configured as `client` is. The client itself is not used, and need not be connected. */
export function ioredisSource(client: IoredisLike): ConnectionSource {
  return {
    endpoint: endpointOf(client),
    secure: Boolean(
      (client.options as Options).tls ?? (client.options as { redisOptions?: Options }).redisOptions?.tls,
    ),
    async open(timeout) {
      const single = {
        lazyConnect: true,
        connectTimeout: timeout,
        commandTimeout: undefined,
        retryStrategy: () => null,
        reconnectOnError: null,
        sentinelRetryStrategy: () => null,
        maxRetriesPerRequest: 0,
        enableOfflineQueue: true,
        autoResendUnfulfilledCommands: false,
        autoResubscribe: false,
        // What the server says of itself is in the answer to the first script.
        enableReadyCheck: false,
        enableAutoPipelining: false,
        disableClientInfo: true,
        readOnly: false,
        monitor: false,
      };
      const isCluster = (client as { isCluster?: boolean }).isCluster === true;
      const duplicate = client.duplicate.bind(client) as (...overrides: unknown[]) => Ioredis;
      const own = isCluster
        ? duplicate([], {
            lazyConnect: true,
            clusterRetryStrategy: () => null,
            enableReadyCheck: false,
            enableAutoPipelining: false,
            scaleReads: 'master',
            // A key that no node serves is reported and not asked for again and again.
            maxRedirections: 5,
            slotsRefreshTimeout: timeout,
            redisOptions: single,
          })
        : duplicate(single);
      return connected(own);
    },
  };
}

async function connected(client: Ioredis): Promise<Connection> {
  const reasons: unknown[] = [];
  const ended = new Set<() => void>();
  let over = false;
  const end = (): void => {
    over = true;
    for (const listener of ended) listener();
    ended.clear();
  };
  client.on('error', (error) => reasons.push(error));
  client.on('close', end);
  client.on('end', end);
  // A connection keeps no process alive; a request and a wait have timers that do.
  client.on('connect', () => client.stream?.unref());
  client.on('+node', (node: Ioredis) => node.on('connect', () => node.stream?.unref()));
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    // "Connection is closed" is all that `connect` says; the event before it has the reason.
    throw reasons.length === 0 ? error : new AggregateError([...reasons, error], (reasons.at(-1) as Error).message);
  }
  /** What broke the connection says more than that it is closed. */
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const isReply = (error as Error | undefined)?.name === 'ReplyError';
      if (isReply || reasons.length === 0) throw error;
      throw new AggregateError([...reasons, error], (error as Error).message);
    }
  };
  return {
    get open() {
      return !over;
    },
    runKnown: ({ sha }, keys, args) => explained(client.evalsha(sha, keys.length, ...keys, ...args)),
    run: ({ text }, keys, args) => explained(client.eval(text, keys.length, ...keys, ...args)),
    async subscribe(channel, listener) {
      client.on('message', (from: string, message: string) => {
        if (from === channel) listener(message);
      });
      await explained(client.subscribe(channel));
    },
    onEnd(listener) {
      if (over) listener();
      else ended.add(listener);
    },
    destroy: () => client.disconnect(),
  };
}

function endpointOf(client: IoredisLike): string {
  const { options, startupNodes } = client as {
    options: Options;
    startupNodes?: readonly (Options | string | number)[];
  };
  if (startupNodes !== undefined) return startupNodes.map(place).join(',');
  const { sentinels, name } = options;
  if (sentinels) return `${name} by the sentinels ${sentinels.map(place).join(',')}`;
  return place(options);
}

interface Options {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string | null;
  readonly name?: string;
  readonly sentinels?: readonly Options[] | null;
  readonly tls?: object;
}

function place(node: Options | string | number): string {
  // A URL may have a password in it.
  if (typeof node === 'string') return node.replace(/^.*[/@]/, '');
  if (typeof node === 'number') return `127.0.0.1:${node}`;
  return node.path ?? `${node.host ?? '127.0.0.1'}:${node.port ?? 6379}`;
}
