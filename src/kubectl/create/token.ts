import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";
import { printerFor, printFlags } from "../printers/index.ts";
import { nameArgument } from "./creator.ts";

export const tokenCommand: KubectlCommand = {
  name: "token",
  usage: "SERVICE_ACCOUNT_NAME",
  summary: "Request a service account token",
  flags: {
    ...printFlags,
    audience: { type: "array", help: "who accepts the token" },
    duration: { type: "duration", default: 0, help: "how long it lasts" },
    "bound-object-kind": { type: "string", help: "the token dies with this object: Pod, Secret or Node" },
    "bound-object-name": { type: "string", help: "its name" },
    "bound-object-uid": { type: "string", help: "its UID" },
  },
  run: createToken,
};

const boundVersions: Readonly<Record<string, string>> = { Pod: "v1", Secret: "v1", Node: "v1" };

async function createToken(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  const name = nameArgument(context);
  const printer = await printerFor(flags);
  if (flags.durationMs("duration") < 0)
    throw new KubectlError("--duration must be greater than or equal to 0");
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: specOf(context),
  };
  const target = {
    resource: resources.serviceaccounts,
    namespace: session.namespace,
    name,
    subresource: "token",
  };
  let answer: UnstructuredObject;
  try {
    answer = await session.api.post(target, request);
  } catch (error) {
    throw new KubectlError(`failed to create token: ${plainText(error)}`, { cause: error });
  }
  const token = (answer["status"] as { token?: string } | undefined)?.token ?? "";
  if (token === "") throw new KubectlError("failed to create token: no token in server response");
  // Into a pipe or file goes the bare token.
  const ending = io.terminalSize() === undefined ? "" : "\n";
  io.out(printer === undefined ? `${token}${ending}` : printer.print(answer));
}

function specOf({ flags }: CommandContext): Record<string, unknown> {
  const kind = flags.string("bound-object-kind");
  const boundName = flags.string("bound-object-name");
  const uid = flags.string("bound-object-uid");
  if (kind === "" && (boundName !== "" || uid !== "")) {
    throw new KubectlError(
      `--bound-object-${boundName === "" ? "uid" : "name"} can only be set if --bound-object-kind is provided`,
    );
  }
  if (kind !== "" && boundVersions[kind] === undefined) {
    throw new KubectlError(
      `supported --bound-object-kind values are ${Object.keys(boundVersions).sort().join(", ")}`,
    );
  }
  if (kind !== "" && boundName === "")
    throw new KubectlError("--bound-object-name is required if --bound-object-kind is provided");
  const seconds = flags.durationMs("duration") / 1000;
  return {
    audiences: flags.list("audience").length === 0 ? null : [...flags.list("audience")],
    expirationSeconds: seconds > 0 ? Math.trunc(seconds) : null,
    boundObjectRef:
      kind === ""
        ? null
        : { kind, apiVersion: boundVersions[kind], name: boundName, ...(uid === "" ? {} : { uid }) },
  };
}
