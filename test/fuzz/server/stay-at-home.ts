import { BlockList, isIP, Socket } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Requests name addresses: of nodes, of webhooks, of other API servers. From now on this process reaches those of
 * loopback only; whatever else it asks for is as a network without a way there.
 */
export function stayAtHome(): void {
  // Called with the socket it is for.
  const connect = Object.getOwnPropertyDescriptor(Socket.prototype, "connect")?.value as (
    this: Socket,
    ...args: unknown[]
  ) => Socket;
  Object.defineProperty(Socket.prototype, "connect", {
    value(this: Socket, ...args: unknown[]): Socket {
      const host = hostOf(args[0]);
      if (host === undefined || isAtHome(host)) return Reflect.apply(connect, this, args);
      process.nextTick(() => this.destroy(new Error(`connect ENETUNREACH ${host}`)));
      return this;
    },
  });
}

/** Node's own callers hand over a list that begins with the options. Without a host it is this machine. */
function hostOf(target: unknown): string | undefined {
  const options: unknown = Array.isArray(target) ? target[0] : target;
  if (typeof options !== "object" || options === null || !("host" in options)) return undefined;
  return typeof options.host === "string" ? options.host : undefined;
}

function isAtHome(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === "localhost" : loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}
