import { arch, platform } from "node:os";
import { isObject } from "../../apimachinery/json.ts";
import { printYaml } from "../../apimachinery/yaml.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";

export const versionCommand: KubectlCommand = {
  usage: "[flags]",
  summary: "Print the client and server version information",
  flags: {
    client: { type: "bool", help: "only of the client" },
    output: { type: "string", short: "o", help: "json or yaml" },
  },
  run: version,
};

/** The version whose commands this client has. */
const clientVersion = "v1.36.0+sampan";

async function version({ flags, args, session, io }: CommandContext): Promise<void> {
  if (args.length > 0) throw new KubectlError(`extra arguments: [${args.join(" ")}]`);
  const output = flags.string("output");
  if (!["", "json", "yaml"].includes(output)) throw new KubectlError("--output must be 'yaml' or 'json'");
  const [major = "", minor = ""] = clientVersion.slice(1).split(".");
  const client = {
    major,
    minor,
    gitVersion: clientVersion,
    platform: `${platform()}/${arch() === "x64" ? "amd64" : arch()}`,
  };
  let server: Record<string, unknown> | undefined;
  let failure: unknown;
  if (!flags.bool("client")) {
    try {
      const body = await session.api.call("GET", "/version");
      server = isObject(body) ? body : undefined;
    } catch (error) {
      failure = error;
    }
  }
  const both = { clientVersion: client, ...(server === undefined ? {} : { serverVersion: server }) };
  if (output === "json") io.out(`${JSON.stringify(both, undefined, 2)}\n`);
  else if (output === "yaml") io.out(`${printYaml(both)}\n`);
  else {
    io.out(`Client Version: ${clientVersion}\n`);
    if (server !== undefined) io.out(`Server Version: ${String(server["gitVersion"])}\n`);
  }
  if (failure !== undefined) throw failure;
}
