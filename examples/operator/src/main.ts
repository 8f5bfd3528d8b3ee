/** The operator as a program: `npm start`, against whatever cluster the kubeconfig leads to. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { connectToCluster, startOperator } from "sampan/operator";
import { DnsFile } from "./dns.ts";
import { consoleLogger } from "./log.ts";
import { siteController } from "./operator.ts";
import { serveWebhooks } from "./webhook-server.ts";

const { client, name } = connectToCluster();
const dns = new DnsFile(process.env["DNS_FILE"] ?? "dns.json");

// Where `sampan webhook cert --dir certs` writes, and where a mounted Secret would be.
const certificates = process.env["CERTIFICATES"] ?? "certs";
if (existsSync(certificates)) {
  const [cert, key] = ["tls.crt", "tls.key"].map((file) => readFileSync(join(certificates, file), "utf8"));
  const { port } = await serveWebhooks({ cert: cert ?? "", key: key ?? "", port: 9443 });
  console.log(`webhooks are served on port ${port}`);
}

const operator = await startOperator({
  name: "site-operator",
  client,
  controllers: [siteController(dns)],
  logger: consoleLogger,
  leaderElection: { namespace: "site-operator", identity: `${hostname()}-${process.pid}` },
});
console.log(`the operator runs against ${name}; Ctrl-C ends it`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void operator.stop().then(() => process.exit(0)));
}
// Timers of the operator keep no process alive; this does.
setInterval(() => {}, 2 ** 30);
