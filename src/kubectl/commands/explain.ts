import { formatApiVersion, parseApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { groupVersionPath } from "../../client/paths.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, PlainError } from "../errors.ts";
import { explainText, type OpenApiDocument } from "../explain-text.ts";
import type { MappedResource } from "../rest-mapper.ts";

export const explainCommand: KubectlCommand = {
  usage:
    "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
  summary: "Get documentation for a resource",
  flags: {
    recursive: { type: "bool", help: "all fields below each other, without their descriptions" },
    "api-version": { type: "string", help: "of this group version" },
    output: { type: "string", short: "o", default: "plaintext", help: "plaintext" },
  },
  run: explain,
};

async function explain({ args, flags, session, io }: CommandContext): Promise<void> {
  const [what, ...rest] = args;
  if (what === undefined) {
    throw new KubectlError(
      'You must specify the type of resource to explain. Use "kubectl api-resources" for a complete list of supported resources.\n',
    );
  }
  if (rest.length > 0) throw new KubectlError("We accept only this format: explain RESOURCE");
  const output = flags.string("output");
  if (output !== "plaintext" && output !== "plaintext-openapiv2")
    throw new KubectlError(`unrecognized format: ${output}`);
  if (output === "plaintext-openapiv2")
    throw new KubectlError(
      `the output format ${JSON.stringify(output)} is not supported by this client: use plaintext`,
    );
  const { resource, fields } = await find(session.mapper, what);
  const given = flags.string("api-version");
  const groupVersion = given === "" ? resource : parseApiVersion(given);
  const place = groupVersionPath(groupVersion);
  const absent = (): KubectlError =>
    new KubectlError(
      `couldn't find resource for ${JSON.stringify(`${formatApiVersion(groupVersion)}, Resource=${resource.resource}`)}`,
    );
  const document = (await session.api.call("GET", `/openapi/v3${place}`).catch((error: unknown) => {
    throw isNotFound(error) ? absent() : error;
  })) as OpenApiDocument;
  const gvk = { group: groupVersion.group, version: groupVersion.version, kind: resource.kind };
  const schema = Object.values(document.components?.schemas ?? {}).find((candidate) =>
    isOfKind(candidate, gvk),
  );
  if (schema === undefined) throw absent();
  io.out(
    `${gvk.group === "" ? "" : `GROUP:      ${gvk.group}\n`}KIND:       ${gvk.kind}\nVERSION:    ${gvk.version}\n\n`,
  );
  const text = explainText(document, schema, fields, flags.bool("recursive"));
  if (text === "") throw new KubectlError(`field ${JSON.stringify(fields.at(-1) ?? "")} does not exist`);
  io.out(`${text}\n`);
}

/** The longest beginning that names a resource with its group; the rest are fields. */
async function find(
  mapper: { forName(name: string): Promise<MappedResource | undefined> },
  what: string,
): Promise<{ resource: MappedResource; fields: string[] }> {
  const parts = what.replace(/\.$/, "").split(".");
  for (let length = parts.length; length > 0; length--) {
    const resource = await mapper.forName(parts.slice(0, length).join("."));
    if (resource !== undefined) return { resource, fields: parts.slice(length) };
  }
  throw new PlainError(`the server doesn't have a resource type ${JSON.stringify(parts[0])}`);
}

function isOfKind(
  schema: unknown,
  { group, version, kind }: { group: string; version: string; kind: string },
): boolean {
  const kinds = isObject(schema) ? schema["x-kubernetes-group-version-kind"] : undefined;
  return (
    Array.isArray(kinds) &&
    kinds.some(
      (known) =>
        isObject(known) && known["group"] === group && known["version"] === version && known["kind"] === kind,
    )
  );
}
