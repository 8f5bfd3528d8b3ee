import { builtinScheme } from "../../../api/builtin-scheme.ts";
import { formatGroupResource } from "../../../apimachinery/gvk.ts";
import { meant } from "../known-names.ts";

/**
 * Throws TypeError for a resource that no cluster has, so that nothing would ever be hit: `pod`, `deployments` without
 * their group, `pods/statuss`. Resources of groups that are not built in may be defined later, and patterns with `*` mean
 * what they match.
 */
export function checkResource(given: string | readonly string[] = []): void {
  for (const path of typeof given === "string" ? [given] : given) checkPath(path);
}

function checkPath(path: string): void {
  if (typeof path !== "string")
    throw new TypeError(`resource: ${JSON.stringify(path) ?? String(path)} is no text`);
  if (path.includes("*")) return;
  const [name = "", subresource] = path.split("/");
  const [, ...group] = name.split(".");
  const known = builtinScheme({ betas: true }).resources();
  if (!known.some((each) => each.group === group.join("."))) return;
  const found = known.filter((each) => formatGroupResource(each) === name);
  if (found.length === 0) throw new TypeError(`resource: ${JSON.stringify(name)} is none.${nearest(name)}`);
  const names = [...new Set(found.flatMap(({ subresources }) => subresources.map((each) => each.name)))];
  if (subresource === undefined || names.includes(subresource)) return;
  throw new TypeError(
    `resource: ${name} has no subresource ${JSON.stringify(subresource)}; ${names.length === 0 ? "it has none" : `there are ${names.join(", ")}`}.${meant(subresource, names)}`,
  );
}

/** The name that was meant: by the kind, the singular, the short name, without its group, or misspelt. */
function nearest(name: string): string {
  const known = builtinScheme({ betas: true }).resources();
  const [first = ""] = name.toLowerCase().split(".");
  const same = known.find(
    ({ resource, singular, kind, shortNames }) =>
      resource === first || singular === first || kind.toLowerCase() === first || shortNames.includes(first),
  );
  if (same !== undefined) return ` Did you mean ${JSON.stringify(formatGroupResource(same))}?`;
  return meant(name, known.map(formatGroupResource));
}
