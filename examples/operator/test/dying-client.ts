import { type Client, newClient, type Transport } from "sampan/operator";

/**
 * A client that dies after so many writes, as its process would: the last one has taken effect, and from then on nothing is
 * ever answered. `died` resolves when it has.
 */
export function dyingClient({ transport }: Client, writes: number): { client: Client; died: Promise<void> } {
  const dead = new Promise<never>(() => {});
  let left = writes;
  let die = (): void => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const dying: Transport = {
    async request(request) {
      if (left === 0) return await dead;
      const answer = await transport.request(request);
      if (request.method === "GET" || --left > 0) return answer;
      die();
      return await dead;
    },
    watch: (request) => transport.watch(request),
    stream: (request) => transport.stream(request),
    connect: (request) => transport.connect(request),
  };
  return { client: newClient(dying), died };
}
