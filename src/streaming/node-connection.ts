import type { Readable, Writable } from "node:stream";

/**
 * How the API server reaches a node for logs, exec, attach and port-forward: in the same process (the kubelet
 * implements it) or over HTTPS. The API server speaks WebSocket and SPDY with the client and hands plain streams on.
 */
export interface NodeConnection {
  /**
   * The log of one container as bytes. Rejects with StatusError (400 when the container is waiting to start).
   * With `follow`, goes on until the container ends or the signal aborts.
   */
  logs(target: ContainerTarget, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;

  /** Runs a command in the container; resolves when it has ended and its output is flushed. */
  exec(
    target: ContainerTarget,
    options: ExecOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<ExecResult>;

  /** Joins the streams of the container's main process; resolves when it ends or the client leaves. */
  attach(
    target: ContainerTarget,
    options: AttachOptions,
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<void>;

  /** Connects to a TCP port on the pod's loopback. Rejects with StatusError when nothing listens. */
  portForward(pod: PodTarget, port: number, signal: AbortSignal): Promise<ByteStream>;

  /**
   * What a kubelet serves beside streams, by path: `/pods`, `/stats/summary`, `/metrics/resource`, `/logs/`. Undefined where there is
   * no such page. Nodes without the method have none.
   */
  page?(path: string): Promise<NodePage | undefined>;
}

export interface NodePage {
  readonly contentType: string;
  readonly body: string;
  /** Instead of the body, for what may be large. */
  readonly chunks?: AsyncIterable<Uint8Array>;
  /** Set for a page that has moved there. */
  readonly location?: string;
}

export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
}

export interface ContainerTarget extends PodTarget {
  readonly container: string;
}

/** The options of `pods/log`; times are RFC 3339. */
export interface LogOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** `All` (default), `Stdout` or `Stderr`. */
  readonly stream?: string;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty: boolean;
}

export interface AttachOptions {
  readonly tty: boolean;
}

/** Streams that were asked for are present. With a terminal there is no stderr. */
export interface TerminalStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** New sizes of the client's terminal. */
  readonly resize?: AsyncIterable<TerminalSize>;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

export interface ExecResult {
  readonly exitCode: number;
}

/** Both directions of a TCP connection. */
export interface ByteStream {
  readonly readable: Readable;
  readonly writable: Writable;
  close(): void;
}
