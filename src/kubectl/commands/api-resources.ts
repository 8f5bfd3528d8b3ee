import { formatApiVersion, formatGroupResource } from "../../apimachinery/gvk.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { TablePadder } from "../printers/tab-writer.ts";

export const apiResourcesCommand: KubectlCommand = {
  usage: "[flags]",
  summary: "Print the supported API resources on the server",
  flags: {
    output: { type: "string", short: "o", help: "wide or name" },
    namespaced: { type: "bool", default: true, help: "only those with, or without, a namespace" },
    "api-group": { type: "string", help: "only of this group" },
    verbs: { type: "list", help: "only those that have all of these verbs" },
    categories: { type: "list", help: "only those in all of these categories" },
    "sort-by": { type: "string", help: "name or kind" },
    "no-headers": { type: "bool", help: "leave the headings out" },
    cached: { type: "bool", help: "accepted; nothing is cached" },
  },
  run: apiResources,
};

async function apiResources({ flags, args, session, io, path }: CommandContext): Promise<void> {
  const output = flags.string("output");
  if (args.length > 0)
    throw new KubectlError(
      `unexpected arguments: [${args.join(" ")}]\nSee '${path} -h' for help and examples`,
    );
  if (!["", "wide", "name"].includes(output)) throw new KubectlError(`--output ${output} is not available`);
  const sortBy = flags.string("sort-by");
  if (!["", "name", "kind"].includes(sortBy)) throw new KubectlError("--sort-by accepts only name or kind");
  const group = flags.string("api-group");
  const found = (await session.mapper.all())
    .filter((resource) => !flags.changed("namespaced") || resource.namespaced === flags.bool("namespaced"))
    .filter((resource) => !flags.changed("api-group") || resource.group === group)
    .filter(({ verbs }) => verbs.length > 0 && flags.list("verbs").every((verb) => verbs.includes(verb)))
    .filter(({ categories }) => flags.list("categories").every((category) => categories.includes(category)))
    .toSorted((a, b) => {
      const key = (resource: typeof a): string =>
        sortBy === "name"
          ? resource.resource
          : sortBy === "kind"
            ? resource.kind
            : `${resource.group}\u0000${resource.resource}`;
      return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
    });
  if (output === "name") {
    io.out(found.map((resource) => `${formatGroupResource(resource)}\n`).join(""));
    return;
  }
  const wide = output === "wide";
  const headings = [
    "NAME",
    "SHORTNAMES",
    "APIVERSION",
    "NAMESPACED",
    "KIND",
    ...(wide ? ["VERBS", "CATEGORIES"] : []),
  ];
  const rows = found.map((resource) => [
    resource.resource,
    resource.shortNames.join(","),
    formatApiVersion(resource),
    String(resource.namespaced),
    resource.kind,
    ...(wide ? [resource.verbs.join(","), resource.categories.join(",")] : []),
  ]);
  io.out(new TablePadder().format(flags.bool("no-headers") ? rows : [headings, ...rows]));
}
