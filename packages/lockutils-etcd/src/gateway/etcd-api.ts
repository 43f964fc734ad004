/** The parts of etcd's v3 API that are used, as its gateway writes them in JSON: 64-bit numbers are strings. */
export interface Header {
  readonly cluster_id?: string;
  readonly member_id?: string;
  readonly revision?: string;
  readonly raft_term?: string;
}

/** A key with its value, both in base64. */
export interface KeyValue {
  readonly key: string;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly value?: string;
  readonly lease?: string;
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs?: readonly KeyValue[];
}

export interface TxnResponse {
  readonly header: Header;
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: RangeResponse }[];
}

/** What a watch streams. `code` and `message` when the server ended the stream. */
export interface WatchMessage {
  readonly result?: {
    readonly header?: Header;
    readonly created?: boolean;
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly {
      readonly type?: 'PUT' | 'DELETE';
      readonly kv: KeyValue;
      readonly prev_kv?: KeyValue;
    }[];
  };
  readonly error?: { readonly grpc_code?: number; readonly message?: string };
}

export interface LeaseGrantResponse {
  readonly ID: string;
  readonly TTL: string;
}

export interface KeepAliveResponse {
  readonly result?: { readonly header: Header; readonly ID: string; readonly TTL?: string };
  readonly error?: { readonly grpc_code?: number; readonly message?: string };
}

/** Text or bytes as the gateway takes them. */
export function base64(data: string | Uint8Array): string {
  return Buffer.from(data as string).toString('base64');
}

/** The range that holds the keys that begin with `prefix`; every prefix of ours ends in `/`. */
export function keysUnder(prefix: string): { key: string; range_end: string } {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return { key: base64(prefix), range_end: base64(end) };
}
