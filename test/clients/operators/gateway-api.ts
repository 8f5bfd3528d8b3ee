import { globSync } from "node:fs";
import { join } from "node:path";
import type { RunningCluster } from "../../e2e/sampan.ts";
import { type KnownOperator, plainKubectl, type Trial } from "./operator.ts";

const dryRun = ["apply", "--dry-run=server", "-f"];

/** No program: definitions with hundreds of rules, and examples of what they accept and refuse. */
export const gatewayApi: KnownOperator = {
  name: "gateway-api",
  module: "sigs.k8s.io/gateway-api",
  version: "v1.5.1",
  async tryOut({ cluster, source, worked }: Trial) {
    const definitions = globSync("config/crd/experimental/gateway.*.yaml", { cwd: source });
    const files = definitions.flatMap((file) => ["-f", join(source, file)]);
    await cluster.kubectl(["apply", "--server-side", ...files]);
    await cluster.waitFor("crd --all", "condition=Established");
    worked(`${definitions.length} definitions and policies are in force`);

    const examples = globSync("examples/**/*.yaml", { cwd: source });
    for (const file of examples) await accept(cluster, join(source, file));
    worked(`all of ${examples.length} examples are accepted`);

    const invalid = globSync("hack/invalid-examples/**/*.yaml", { cwd: source });
    for (const file of invalid) {
      const { stderr, code } = await plainKubectl(cluster, [...dryRun, join(source, file)]);
      if (code === 0 || !/ is invalid:/.test(stderr)) throw new Error(`${file} is not refused: ${stderr}`);
    }
    worked(`each of ${invalid.length} invalid examples is refused`);
  },
};

/** Examples are in namespaces that they do not always bring. */
async function accept(cluster: RunningCluster, file: string): Promise<void> {
  for (let missing = ""; ; ) {
    const { stderr, code } = await plainKubectl(cluster, [...dryRun, file]);
    if (code === 0) return;
    const [, namespace = ""] = /namespaces "([^"]+)" not found/.exec(stderr) ?? [];
    if (namespace === missing) throw new Error(`${file}: ${stderr}`);
    missing = namespace;
    await cluster.kubectl(["create", "namespace", namespace]);
  }
}
