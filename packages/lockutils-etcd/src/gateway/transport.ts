/** Certificates in PEM form. */
export interface EtcdTls {
  /** The authority that signed the servers' certificates; without it the authorities that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** The client certificate, when the servers ask for one, with its `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the servers' certificates must bear, when it is not that of the endpoint. */
  readonly serverName?: string;
}

/** What is used of `fetch`. */
export interface Transport {
  (url: string, init: RequestInit): Promise<Response>;
  /** Loads what it takes, once; no time that a server could be blamed for. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The global `fetch`; with certificates the one of `undici`, which takes them by an agent. An agent of another undici
 * than the one inside Node does not go together with the global fetch, and loading it takes 90 ms, so only then.
 */
export function transportFor(tls: EtcdTls | undefined): Transport {
  if (tls === undefined) {
    return Object.assign((url: string, init: RequestInit) => fetch(url, init), {
      ready: async () => {},
      close: async () => {},
    });
  }
  const { serverName, ...pem } = tls;
  const connect = { ...pem, ...(serverName === undefined ? {} : { servername: serverName }) } as Record<
    string,
    unknown
  >;
  const open = async () => {
    const undici = await import('undici');
    return { fetch: undici.fetch, agent: new undici.Agent({ connect, bodyTimeout: 0 }) };
  };
  let opened: ReturnType<typeof open> | undefined;
  const ready = async () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const { fetch, agent } = await ready();
    // The two declare one standard each for itself.
    const response: unknown = await fetch(url, { ...(init as object), dispatcher: agent });
    return response as Response;
  };
  return Object.assign(send, {
    ready: async () => void (await ready()),
    close: async () => (await opened)?.agent.destroy(),
  });
}
