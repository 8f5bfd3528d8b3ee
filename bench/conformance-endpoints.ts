/**
 * How many of the endpoints that Kubernetes' conformance tests use are served. Each is asked for once on a running
 * simulated cluster, writes as a dry run, about an object that does not exist: an answer that knows the object's name
 * comes from the endpoint, a bare 404, 405 or 501 from its absence.
 *
 *   npm run bench -- conformance-endpoints [--program FOLDER] [--list FILE]
 */
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { report } from "./parts/figures.ts";

const { values: options } = parseArgs({
  options: {
    program: { type: "string", default: repository },
    list: {
      type: "string",
      default: join(repository, "../shared/reference/kubernetes/conformance/conformance-endpoints-1.36.tsv"),
    },
  },
});

const name = "no-such-object";

interface Endpoint {
  readonly operation: string;
  readonly verb: string;
  readonly path: string;
}

function readEndpoints(): Endpoint[] {
  const [, ...lines] = readFileSync(options.list, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [operation = "", verb = "", path = ""] = line.split("\t");
    return { operation, verb, path };
  });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const cluster = new BenchCluster({ runtime: "simulated", program: options.program });

function ask({ verb, path }: Endpoint): Promise<Answer> {
  const { server, ca, clientCertificate, clientKey } = cluster.credentials().transport;
  const filled = path.replace("{namespace}", "default").replace("{name}", name).replace("{path}", "index");
  const dryRun = ["GET", "HEAD", "OPTIONS"].includes(verb) || filled.includes("/proxy") ? "" : "?dryRun=All";
  const type = verb === "PATCH" ? "application/merge-patch+json" : "application/json";
  const body = ["POST", "PUT", "PATCH"].includes(verb) ? "{}" : "";
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${server}${filled}${dryRun}`,
      {
        method: verb,
        headers: { accept: "application/json", ...(body === "" ? {} : { "content-type": type }) },
        ...(ca === undefined ? {} : { ca }),
        ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
        ...(clientKey === undefined ? {} : { key: clientKey }),
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** A 404 that names the object was given by whoever looked for it. HEAD has no body: a Status has a length all the same. */
function isServed({ verb }: Endpoint, { status, body }: Answer): boolean {
  if (status === 405 || status === 501) return false;
  return status !== 404 || verb === "HEAD" || body.includes(`"name":"${name}"`);
}

async function main(): Promise<void> {
  const endpoints = readEndpoints();
  await cluster.up();
  const missing: Endpoint[] = [];
  const byStatus = new Map<number, number>();
  for (const endpoint of endpoints) {
    const answer = await ask(endpoint);
    byStatus.set(answer.status, (byStatus.get(answer.status) ?? 0) + 1);
    const served = isServed(endpoint, answer);
    if (!served) missing.push(endpoint);
    if (!served || answer.status >= 500)
      console.log(
        `${answer.status} ${endpoint.verb.padEnd(7)} ${endpoint.path} ${answer.body.trim().slice(0, 200)}`,
      );
  }
  const statuses = [...byStatus]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`);
  report(`Conformance endpoints; answers by status: ${statuses.join(", ")}`, [
    {
      name: "served",
      value: endpoints.length - missing.length,
      unit: `of ${endpoints.length}`,
      atLeast: endpoints.length,
    },
  ]);
}

if (!existsSync(options.list)) console.log(`conformance-endpoints: skipped, there is no ${options.list}`);
else {
  try {
    await main();
  } finally {
    await cluster.remove();
  }
}
