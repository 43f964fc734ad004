import { realTime } from '@oslo-concurrency/core';
import type { Connection, ConnectionSource } from './connection.js';
import { pause } from './pause.js';

/** What is used of a client of the package `redis`: from `createClient`, `createCluster` or `createSentinel`. */
export interface NodeRedisLike {
  readonly isOpen: boolean;
  duplicate(...overrides: never): unknown;
  evalSha(...args: never): Promise<unknown>;
}

interface EvalOptions {
  readonly keys: readonly string[];
  readonly arguments: readonly string[];
}

interface NodeRedis {
  readonly isOpen: boolean;
  readonly isReady?: boolean;
  connect(): Promise<unknown>;
  evalSha(sha: string, options: EvalOptions): Promise<unknown>;
  eval(text: string, options: EvalOptions): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy?(): unknown;
  disconnect?(): unknown;
  unref?(): void;
  on(event: string, listener: (error: unknown) => void): void;
}

/**
 * Whether `client` comes from the package `redis`, and shows how it is configured. A cluster of `redis` 4 does not: a
 * connection of its kind could be given no limits without losing what the user has set.
 */
export function isNodeRedis(client: object): client is NodeRedisLike {
  const { isOpen, duplicate, evalSha } = client as Partial<NodeRedisLike>;
  const isClient = typeof isOpen === 'boolean' && typeof duplicate === 'function' && typeof evalSha === 'function';
  return isClient && (optionsOf(client) !== undefined || isSentinel(client));
}

/** A client of `createSentinel` hides its configuration, too. */
function isSentinel(client: object): boolean {
  return typeof (client as { acquire?: unknown }).acquire === 'function' && optionsOf(client) === undefined;
}

function optionsOf(client: object): Options | undefined {
  const { options, _options } = client as { options?: Options; _options?: Options };
  return options ?? _options;
}

interface SocketOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly tls?: boolean;
}

interface Options {
  readonly url?: string;
  readonly socket?: SocketOptions;
  readonly rootNodes?: readonly Options[];
  readonly defaults?: Options;
}

/** Connections that are configured as `client` is. The client itself is not used, and need not be connected. */
export function nodeRedisSource(client: NodeRedisLike): ConnectionSource {
  const options = optionsOf(client);
  return {
    endpoint: options === undefined ? "the master of the client's sentinels" : endpointOf(options),
    secure: isSecure(options ?? {}),
    async open(timeout) {
      const alone = (given: Options | undefined): object => ({
        ...given,
        socket: { ...given?.socket, reconnectStrategy: false, connectTimeout: timeout },
        disableOfflineQueue: true,
        pingInterval: undefined,
      });
      const overrides =
        options === undefined
          ? { maxCommandRediscovers: 0 }
          : options.rootNodes !== undefined
            ? {
                defaults: alone(options.defaults),
                maxCommandRedirections: 5,
                useReplicas: false,
                minimizeConnections: true,
              }
            : { ...alone({ socket: options.socket ?? {} }), commandOptions: { timeout: undefined } };
      const open = (): Promise<Connection> =>
        connected((client.duplicate as unknown as (overrides: object) => NodeRedis).call(client, overrides));
      return options === undefined ? whenThereIsAMaster(open, timeout) : open();
    },
  };
}

/** Milliseconds between two questions to the sentinels. */
const askEvery = 50;

/**
 * Opens a connection by sentinels, which name no master during a failover and for a moment after it. The client itself
 * would sleep a whole second before it asks again, and longer than a request may take if that happens twice. Therefore it asks once
 * (`maxCommandRediscovers: 0`), and this asks again.
 */
async function whenThereIsAMaster(open: () => Promise<Connection>, timeout: number): Promise<Connection> {
  const until = realTime.now() + timeout;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const between = /no valid master/.test((error as Error).message);
      if (!between || realTime.now() + 2 * askEvery > until) throw error;
      await pause(askEvery);
    }
  }
}

async function connected(client: NodeRedis): Promise<Connection> {
  const reasons: unknown[] = [];
  const ended = new Set<() => void>();
  let over = false;
  const end = (): void => {
    over = true;
    for (const listener of ended) listener();
    ended.clear();
  };
  // Without reconnects, each error is the end. A cluster replaces the connections to its nodes by itself.
  client.on('error', (error) => {
    reasons.push(error);
    if (!client.isOpen || client.isReady === false) end();
  });
  client.on('end', end);
  // By sentinels, the client would go on with another master, and carry out there what nobody waits for any more.
  client.on('client-error', (event) => {
    if ((event as { type?: string }).type === 'MASTER') destroy();
  });
  const destroy = (): void => {
    try {
      // A promise, or nothing, or an error if it is closed already: by the version.
      const ending: unknown = client.destroy === undefined ? client.disconnect?.() : client.destroy();
      if (ending instanceof Promise) ending.catch(() => {});
    } catch {}
    end();
  };
  // A connection keeps no process alive; a request and a wait have timers that do.
  client.unref?.();
  try {
    await client.connect();
  } catch (error) {
    destroy();
    // What the parser could not read is in an event alone.
    throw new AggregateError([...reasons, error], (error as Error).message);
  }
  return {
    get open() {
      return !over && client.isOpen;
    },
    runKnown: ({ sha }, keys, args) => client.evalSha(sha, { keys, arguments: args }),
    run: ({ text }, keys, args) => client.eval(text, { keys, arguments: args }),
    async subscribe(channel, listener) {
      await client.subscribe(channel, listener);
    },
    onEnd(listener) {
      if (over) listener();
      else ended.add(listener);
    },
    destroy,
  };
}

function endpointOf({ url, socket, rootNodes }: Options): string {
  if (rootNodes !== undefined) return rootNodes.map(endpointOf).join(',');
  if (socket?.host === undefined && socket?.path === undefined && url !== undefined && URL.canParse(url)) {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || 6379}`;
  }
  return place(socket ?? {});
}

function isSecure({ url, socket, defaults }: Options): boolean {
  if (socket?.tls === true || url?.startsWith('rediss:') === true) return true;
  return defaults !== undefined && isSecure(defaults);
}

function place({ host = '127.0.0.1', port = 6379, path }: SocketOptions): string {
  return path ?? `${host}:${port}`;
}
