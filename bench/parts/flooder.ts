/**
 * A flood from one user, as a process of its own: so many connections, each asking again as soon as it is answered,
 * whatever the answer was. Arguments: endpoint as JSON, connections, the kind of requests. Sends
 * `{ ready: true }` when connected, begins at any message, and sends what it counted when asked for `report`.
 */
import { RawClient, type RawEndpoint } from "./raw-client.ts";

const [endpointText = "{}", connections = "0", kind = "mixed"] = process.argv.slice(2);
const endpoint = JSON.parse(endpointText) as RawEndpoint;

export interface FloodReport {
  readonly answers: Readonly<Record<string, number>>;
  readonly broken: number;
}

let answers: Record<string, number> = {};
let broken = 0;
let serial = 0;
const path = "/api/v1/namespaces/flood/configmaps";

function body(bytes: number): string {
  const metadata = { name: `f-${process.pid}-${serial++}` };
  return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { x: "x".repeat(bytes) } });
}

/** Lists, small writes and now and then a large one. */
function next(client: RawClient): Promise<{ status: number }> {
  const turn = serial++ % 10;
  if (kind === "lists" || turn < 3) return client.request("GET", "/api/v1/pods");
  if (turn === 9) return client.request("POST", `${path}?dryRun=All`, body(500_000));
  return client.request("POST", `${path}?dryRun=All`, body(1_000));
}

async function run(client: RawClient): Promise<void> {
  try {
    for (;;) {
      const { status } = await next(client);
      answers[status] = (answers[status] ?? 0) + 1;
    }
  } catch {
    broken++;
  }
}

const clients: RawClient[] = [];
for (let index = 0; index < Number(connections); index += 50) {
  const some = Array.from({ length: Math.min(50, Number(connections) - index) }, () =>
    RawClient.open(endpoint),
  );
  clients.push(...(await Promise.all(some)));
}
process.send?.({ ready: true });
process.on("message", (message) => {
  if (message === "report") {
    process.send?.({ answers, broken } satisfies FloodReport);
    answers = {};
    broken = 0;
  } else for (const client of clients) void run(client);
});
process.on("disconnect", () => process.exit(0));
