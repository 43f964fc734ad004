import { TextDecoder } from 'node:util';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { EtcdClusterMismatchError, EtcdTimeoutError, EtcdTooOldError, NotEtcdError } from '../etcd-errors.js';
import { answerFailure, connectionFailure, rpcFailure } from './endpoint-failure.js';
import type { Header, KeepAliveResponse, WatchMessage } from './etcd-api.js';
import { stopAfter } from './stop-after.js';
import type { Transport } from './transport.js';

/** How one request is made. */
export interface RequestSettings {
  /** Milliseconds; for a stream, until its first bytes. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly token?: string | undefined;
}

/** One endpoint of the cluster. It makes requests and turns what goes wrong into errors; it retries nothing. */
export class Member {
  readonly endpoint: string;
  readonly #transport: Transport;
  readonly #cluster: { id?: string };
  #versionChecked: Promise<void> | undefined;

  /** `cluster` is shared by the members: the first that answers says which cluster it is. */
  constructor(endpoint: string, transport: Transport, cluster: { id?: string }) {
    this.endpoint = endpoint;
    this.#transport = transport;
    this.#cluster = cluster;
  }

  async call<Response>(path: string, body: object, settings: RequestSettings): Promise<Response> {
    await this.#checkVersion(settings);
    const text = await this.#send(path, body, settings);
    const answer = this.#parse(text) as Response & { readonly header?: Header };
    if (answer.header === undefined) return answer;
    const { cluster_id: found } = answer.header;
    if (found !== undefined) {
      this.#cluster.id ??= found;
      if (found !== this.#cluster.id) throw new EtcdClusterMismatchError(this.endpoint, this.#cluster.id, found);
    }
    return answer;
  }

  /** The gateway answers a keepalive as a stream of one message. */
  async keepAlive(id: string, settings: RequestSettings): Promise<NonNullable<KeepAliveResponse['result']>> {
    await this.#checkVersion(settings);
    const answer = this.#parse(await this.#send('/v3/lease/keepalive', { ID: id }, settings)) as KeepAliveResponse;
    if (answer.result !== undefined) return answer.result;
    throw rpcFailure(this.endpoint, answer.error?.grpc_code ?? 2, answer.error?.message ?? 'the keepalive failed');
  }

  /** The messages of a watch, until `signal` aborts, which ends the loop, or the stream breaks, which throws. */
  async *watch(createRequest: object, settings: RequestSettings): AsyncGenerator<NonNullable<WatchMessage['result']>> {
    await this.#checkVersion(settings);
    const stop = stopAfter(settings.timeout, settings.signal);
    try {
      const response = await this.#open('/v3/watch', { create_request: createRequest }, settings, stop.signal);
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of response.body ?? []) {
        const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines.filter((text) => text.trim() !== '')) {
          const { result, error } = this.#parse(line) as WatchMessage;
          if (result === undefined) throw rpcFailure(this.endpoint, error?.grpc_code ?? 2, error?.message ?? line);
          // The time limit was for the first message; from now on silence means that nothing happened.
          if (result.created) stop.endTimeout();
          yield result;
        }
      }
    } catch (error) {
      if (settings.signal?.aborted) return;
      throw this.#failure(error, stop.timedOut(), settings);
    } finally {
      stop.done();
    }
  }

  async #send(path: string, body: object | undefined, settings: RequestSettings): Promise<string> {
    await this.#transport.ready();
    const stop = stopAfter(settings.timeout, settings.signal);
    try {
      const response = await this.#open(path, body, settings, stop.signal);
      return await response.text();
    } catch (error) {
      if (settings.signal?.aborted) throw settings.signal.reason;
      throw this.#failure(error, stop.timedOut(), settings);
    } finally {
      stop.done();
    }
  }

  async #open(
    path: string,
    body: object | undefined,
    settings: RequestSettings,
    signal: AbortSignal,
  ): Promise<Response> {
    const response = await this.#transport(this.endpoint + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        // A member without a leader is to say so, and to end its watches, instead of staying silent.
        'Grpc-Metadata-hasleader': 'true',
        'content-type': 'application/json',
        ...(settings.token === undefined ? {} : { authorization: settings.token }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
    if (!response.ok) throw answerFailure(this.endpoint, response.status, await response.text());
    return response;
  }

  #failure(error: unknown, timedOut: boolean, settings: RequestSettings): unknown {
    if (timedOut) return new EtcdTimeoutError(this.endpoint, settings.timeout);
    return isConcurrencyError(error) ? error : connectionFailure(this.endpoint, error);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new NotEtcdError(this.endpoint, text);
    }
  }

  /** Asked once, and again after a failure: an older gateway answers under other paths or not at all. */
  #checkVersion(settings: RequestSettings): Promise<void> {
    this.#versionChecked ??= this.#askVersion(settings).catch((error: unknown) => {
      this.#versionChecked = undefined;
      throw error;
    });
    return this.#versionChecked;
  }

  async #askVersion({ timeout }: RequestSettings): Promise<void> {
    const text = await this.#send('/version', undefined, { timeout });
    const version = (this.#parse(text) as { readonly etcdserver?: unknown } | null)?.etcdserver;
    if (typeof version !== 'string') throw new NotEtcdError(this.endpoint, text);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < 3 || (major === 3 && minor < 4)) throw new EtcdTooOldError(this.endpoint, version);
  }
}
