import { readFileSync } from "node:fs";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyJsonPatch } from "../../apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patch/strategic-merge-patch.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, plainText, throwCollected } from "../errors.ts";
import { type LiveTarget, liveTargets, modifyFlags } from "../modifying.ts";
import { nameOf, outcomePrinterFor } from "../printers/index.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

export const patchCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE] [options]",
  summary: "Update fields of a resource",
  flags: {
    ...modifyFlags("kubectl-patch"),
    patch: { type: "string", short: "p", help: "the patch, in JSON or YAML" },
    "patch-file": { type: "string", help: "a file with the patch" },
    type: { type: "string", default: "strategic", help: "json, merge or strategic" },
    subresource: { type: "string", help: "status, scale or resize" },
    local: { type: "bool", help: "not supported" },
  },
  run: patch,
};

type PatchType = "json" | "merge" | "strategic";

async function patch(context: CommandContext): Promise<void> {
  const { flags, args, io } = context;
  const type = flags.string("type").toLowerCase();
  if (type !== "json" && type !== "merge" && type !== "strategic") {
    throw new KubectlError(
      `--type must be one of [json merge strategic], not ${JSON.stringify(flags.string("type"))}`,
    );
  }
  if (flags.bool("local")) throw new KubectlError("--local is not supported by this client");
  const document = readPatch(context);
  const targets = await liveTargets(context, args);
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const target of targets) {
    try {
      const live = await liveState(context, target);
      const object = await send(context, target, type, document);
      const isSame = dryRunOf(flags) !== "client" && deepEqual(object, live);
      if (dryRunOf(flags) === "client" && flags.string("output") === "") {
        // kubectl does not say of this that it was only tried.
        io.out(`${nameOf(object)} patched\n`);
        continue;
      }
      io.out(print(object, isSame ? "patched (no change)" : "patched"));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

/** What the patch is applied to: the object, or its subresource. */
async function liveState(
  { session, flags }: CommandContext,
  target: LiveTarget,
): Promise<UnstructuredObject> {
  const subresource = flags.string("subresource");
  return subresource === "" ? target.live : await session.api.get({ ...target, subresource });
}

function readPatch({ flags }: CommandContext): unknown {
  const file = flags.string("patch-file");
  let text = flags.string("patch");
  if (text !== "" && file !== "") throw new KubectlError("cannot specify --patch and --patch-file together");
  if (text === "" && file === "") {
    throw new KubectlError("must specify --patch or --patch-file containing the contents of the patch");
  }
  if (file !== "") {
    try {
      text = readFileSync(file === "-" ? 0 : file, "utf8");
    } catch (error) {
      throw new KubectlError(`unable to read patch file: open ${file}: no such file or directory`, {
        cause: error,
      });
    }
  }
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new KubectlError(`unable to parse ${JSON.stringify(text)}: ${plainText(error)}`, { cause: error });
  }
  return document;
}

async function send(
  { session, flags }: CommandContext,
  target: LiveTarget,
  type: PatchType,
  document: unknown,
): Promise<UnstructuredObject> {
  const subresource = flags.string("subresource");
  if (dryRunOf(flags) !== "client") {
    return await session.api.patch({ ...target, subresource }, type, document, writeQuery(flags));
  }
  return patchLocally(target.live, type, document);
}

function patchLocally(live: UnstructuredObject, type: PatchType, document: unknown): UnstructuredObject {
  if (type === "json") return applyJsonPatch(live, document) as UnstructuredObject;
  if (type === "merge") return applyMergePatch(live, document) as UnstructuredObject;
  const scheme = builtinScheme();
  const [group = "", version = ""] = live.apiVersion.includes("/")
    ? live.apiVersion.split("/")
    : ["", live.apiVersion];
  const info = scheme.resourceForKind({ group, version, kind: live.kind });
  const schema = info === undefined ? undefined : scheme.schemas.get(info.schemaName);
  if (schema === undefined) {
    throw new KubectlError(
      `application/strategic-merge-patch+json is not supported by ${group}/${version}, Kind=${live.kind}: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json`,
    );
  }
  return applyStrategicMergePatch(live, document, schema, scheme.schemas) as UnstructuredObject;
}
