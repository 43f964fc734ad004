import type { Connection, ConnectionSource } from './connection.js';

/** What is used of a client of the package `redis`: from `createClient`, `createCluster` or `createSentinel`. */
export interface NodeRedisLike {
  readonly isOpen: boolean;
  duplicate(...overrides: never[]): unknown;
  evalSha(...args: never[]): Promise<unknown>;
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

/** Whether `client` comes from the package `redis`. */
export function isNodeRedis(client: object): client is NodeRedisLike {
  const { isOpen, duplicate, evalSha } = client as Partial<NodeRedisLike>;
  return typeof isOpen === 'boolean' && typeof duplicate === 'function' && typeof evalSha === 'function';
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
  readonly sentinelRootNodes?: readonly SocketOptions[];
  readonly name?: string;
  readonly defaults?: Options;
  readonly nodeClientOptions?: Options;
}

/** Connections that are configured as `client` is. The client itself is not used, and need not be connected. */
export function nodeRedisSource(client: NodeRedisLike): ConnectionSource {
  const options =
    (client as { options?: Options; _options?: Options }).options ?? (client as { _options?: Options })._options;
  return {
    endpoint: endpointOf(options ?? {}),
    secure: isSecure(options ?? {}),
    async open(timeout) {
      const alone = (given: Options | undefined): object => ({
        ...given,
        socket: { ...given?.socket, reconnectStrategy: false, connectTimeout: timeout },
        disableOfflineQueue: true,
        pingInterval: undefined,
      });
      const overrides =
        options?.rootNodes !== undefined
          ? {
              defaults: alone(options.defaults),
              maxCommandRedirections: 5,
              useReplicas: false,
              minimizeConnections: true,
            }
          : options?.sentinelRootNodes !== undefined
            ? { nodeClientOptions: alone(options.nodeClientOptions) }
            : { ...alone({ socket: options?.socket ?? {} }), commandOptions: { timeout: undefined } };
      return connected((client.duplicate as unknown as (overrides: object) => NodeRedis).call(client, overrides));
    },
  };
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

function endpointOf({ url, socket, rootNodes, sentinelRootNodes, name }: Options): string {
  if (rootNodes !== undefined) return rootNodes.map(endpointOf).join(',');
  if (sentinelRootNodes !== undefined) return `${name} by the sentinels ${sentinelRootNodes.map(place).join(',')}`;
  if (socket?.host === undefined && socket?.path === undefined && url !== undefined && URL.canParse(url)) {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || 6379}`;
  }
  return place(socket ?? {});
}

function isSecure({ url, socket, defaults, nodeClientOptions }: Options): boolean {
  if (socket?.tls === true || url?.startsWith('rediss:') === true) return true;
  return [defaults, nodeClientOptions].some((more) => more !== undefined && isSecure(more));
}

function place({ host = '127.0.0.1', port = 6379, path }: SocketOptions): string {
  return path ?? `${host}:${port}`;
}
