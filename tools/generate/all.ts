/**
 * Makes all generated files anew from the facts of Kubernetes, which lie beside the repository.
 *
 *   node tools/generate/all.ts [../shared/reference/kubernetes]
 */
import { execFileSync } from "node:child_process";
import { generateResources } from "./resources.ts";
import { generateSchemas } from "./schemas.ts";

const folder = process.argv[2] ?? "../shared/reference/kubernetes";
generateSchemas(folder);
generateResources(folder);
execFileSync(process.execPath, ["tools/generate/types.ts", `${folder}/schema-facts.json`], {
  stdio: "inherit",
});
execFileSync(
  "biome",
  ["format", "--write", "src/client/resources.ts", "src/api/types", "src/apimachinery/meta-v1.ts"],
  {
    stdio: "inherit",
  },
);
