import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../../../apimachinery/transport.ts";

/** One life of the server, as a client sees it. */
export interface ServerLife {
  readonly transport: Transport;
  /** Aborts when the server crashes. */
  readonly signal: AbortSignal;
  /** The work's outcome, or the connection's end if that is first. */
  during<T>(work: Promise<T>): Promise<T>;
}

/** A client's connection, which finds the server again after a restart. `find` throws while there is none. */
export class ServerTransport implements Transport {
  readonly #find: () => ServerLife;

  constructor(find: () => ServerLife) {
    this.#find = find;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const life = this.#find();
    return await life.during(life.transport.request(request));
  }

  watch(request: Omit<TransportRequest, "method" | "body">): AsyncIterable<WatchEvent> {
    // Its events are not handed on one by one: the server's faults end it when the server does.
    return { [Symbol.asyncIterator]: () => this.#watch(request) };
  }

  async stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    const life = this.#find();
    return await life.during(
      life.transport.stream({ ...request, signal: both(request.signal, life.signal) }),
    );
  }

  async connect(request: ConnectRequest): Promise<MessageChannelConnection> {
    const life = this.#find();
    return await life.during(
      life.transport.connect({ ...request, signal: both(request.signal, life.signal) }),
    );
  }

  #watch(request: Omit<TransportRequest, "method" | "body">): AsyncIterator<WatchEvent> {
    try {
      return this.#find().transport.watch(request)[Symbol.asyncIterator]();
    } catch (error) {
      return { next: () => Promise.reject(error) };
    }
  }
}

const both = (given: AbortSignal | undefined, own: AbortSignal): AbortSignal =>
  given === undefined ? own : AbortSignal.any([given, own]);
