import { readFileSync } from "node:fs";
import { isObject } from "../../apimachinery/json.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { usageHint } from "../command.ts";
import { type ConfigFile, mergedConfig, updateConfig } from "../config-file.ts";
import { KubectlError } from "../errors.ts";
import { parseBool } from "../flags.ts";
import { printerFor, printFlags } from "../printers/index.ts";
import { TablePadder } from "../printers/tab-writer.ts";

const command =
  (
    usage: string,
    summary: string,
    run: (context: CommandContext) => void | Promise<void>,
    flags: KubectlCommand["flags"] = {},
  ): (() => Promise<KubectlCommand>) =>
  () =>
    Promise.resolve({ usage, summary, flags, run: async (context) => await run(context) });

const text = (help: string) => ({ type: "string" as const, help });

export const configCommand: KubectlCommand = {
  usage: "SUBCOMMAND",
  summary: "Modify kubeconfig files",
  bareHelp: "stderr",
  subcommands: {
    "current-context": command("", "Display the current-context", ({ session, io }) => {
      const current = session.config.currentContext;
      if (current === "") throw new KubectlError("current-context is not set");
      io.out(`${current}\n`);
    }),
    "delete-cluster": command("NAME", "Delete the specified cluster from the kubeconfig", (context) =>
      remove(context, "clusters", "cluster"),
    ),
    "delete-context": command("NAME", "Delete the specified context from the kubeconfig", (context) =>
      remove(context, "contexts", "context"),
    ),
    "delete-user": command("NAME", "Delete the specified user from the kubeconfig", (context) =>
      remove(context, "users", "user"),
    ),
    "get-clusters": command("", "Display clusters defined in the kubeconfig", (context) =>
      names(context, "clusters"),
    ),
    "get-contexts": command("[(-o|--output=)name)]", "Describe one or many contexts", getContexts, {
      output: { type: "string", short: "o", help: "name" },
      "no-headers": { type: "bool", help: "leave the headings out" },
    }),
    "get-users": command("", "Display users defined in the kubeconfig", (context) => names(context, "users")),
    "rename-context": command("CONTEXT_NAME NEW_NAME", "Rename a context from the kubeconfig file", rename),
    set: command(
      "PROPERTY_NAME PROPERTY_VALUE",
      "Set an individual value in a kubeconfig file",
      setProperty,
      {
        "set-raw-bytes": { type: "bool", help: "accepted" },
      },
    ),
    "set-cluster": command(
      "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true]",
      "Set a cluster entry in kubeconfig",
      setCluster,
      {
        server: text("address of the API server"),
        "certificate-authority": text("file with the authorities to trust"),
        "insecure-skip-tls-verify": { type: "bool", help: "do not check the server's certificate" },
        "tls-server-name": text("name in the server's certificate"),
        "embed-certs": { type: "bool", help: "put the file's content into the kubeconfig" },
      },
    ),
    "set-context": command(
      "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
      "Set a context entry in kubeconfig",
      setContext,
      {
        current: { type: "bool", help: "change the current context" },
        cluster: text("its cluster"),
        user: text("its user"),
        namespace: { type: "string", short: "n", help: "its namespace" },
      },
    ),
    "set-credentials": command(
      "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token]",
      "Set a user entry in kubeconfig",
      setCredentials,
      {
        "client-certificate": text("file with the client certificate"),
        "client-key": text("file with the client key"),
        token: text("bearer token"),
        username: text("user name"),
        password: text("password"),
        "embed-certs": { type: "bool", help: "put the files' content into the kubeconfig" },
      },
    ),
    unset: command("PROPERTY_NAME", "Unset an individual value in a kubeconfig file", unsetProperty),
    use: command("CONTEXT_NAME", "Set the current-context in a kubeconfig file", useContext),
    "use-context": command("CONTEXT_NAME", "Set the current-context in a kubeconfig file", useContext),
    view: command("[flags]", "Display merged kubeconfig settings or a specified kubeconfig file", view, {
      ...printFlags,
      output: { type: "string", short: "o", default: "yaml", help: "output format" },
      minify: { type: "bool", help: "only what the current context uses" },
      raw: { type: "bool", help: "with certificates and secrets" },
      flatten: { type: "bool", help: "with the content of the files that are named" },
      merge: { type: "bool", default: true, help: "accepted" },
    }),
  },
};

type Entries = "clusters" | "contexts" | "users";

function oneName({ args }: CommandContext): string {
  const [name, ...rest] = args;
  if (name === undefined || rest.length > 0) throw new KubectlError(`Unexpected args: [${args.join(" ")}]`);
  return name;
}

function names({ session, io }: CommandContext, list: Entries): void {
  const found = [...session.config[list].keys()].sort();
  io.out(["NAME", ...found].map((name) => `${name}\n`).join(""));
}

function getContexts({ session, flags, args, io }: CommandContext): void {
  const { contexts, currentContext } = session.config;
  const output = flags.string("output");
  if (!["", "name"].includes(output)) throw new KubectlError(`output must be one of '' or 'name': ${output}`);
  const missing = args.filter((name) => !contexts.has(name));
  const shown = (args.length === 0 ? [...contexts.keys()].sort() : args).filter((name) => contexts.has(name));
  if (output === "name") io.out(shown.map((name) => `${name}\n`).join(""));
  else {
    const rows = shown.map((name) => {
      const { cluster = "", user = "", namespace = "" } = contexts.get(name) ?? {};
      return [name === currentContext ? "*" : "", name, cluster, user, namespace];
    });
    const headings = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"];
    io.out(new TablePadder().format(flags.bool("no-headers") ? rows : [headings, ...rows]));
  }
  for (const name of missing) throw new KubectlError(`context ${name} not found`);
}

function useContext(context: CommandContext): void {
  const name = oneName(context);
  if (!context.session.config.contexts.has(name))
    throw new KubectlError(`no context exists with the name: ${JSON.stringify(name)}`);
  updateConfig(context.session, undefined, (file) => {
    file["current-context"] = name;
  });
  context.io.out(`Switched to context ${JSON.stringify(name)}.\n`);
}

function setContext(context: CommandContext): void {
  const { flags, args, session, io } = context;
  if (flags.bool("current") && args.length > 0)
    throw new KubectlError("you cannot specify both a context name and --current");
  if (!flags.bool("current") && args.length !== 1)
    throw new KubectlError("you must specify a non-empty context name or --current");
  const name = flags.bool("current") ? session.config.currentContext : oneName(context);
  if (name === "") throw new KubectlError("no current context is set");
  const exists = session.config.contexts.has(name);
  setFields(context, "contexts", name, { cluster: "cluster", user: "user", namespace: "namespace" });
  io.out(`Context ${JSON.stringify(name)} ${exists ? "modified" : "created"}.\n`);
}

function setCluster(context: CommandContext): void {
  const name = oneName(context);
  setFields(context, "clusters", name, {
    server: "server",
    "certificate-authority": "certificate-authority",
    "insecure-skip-tls-verify": "insecure-skip-tls-verify",
    "tls-server-name": "tls-server-name",
  });
  context.io.out(`Cluster ${JSON.stringify(name)} set.\n`);
}

function setCredentials(context: CommandContext): void {
  const { flags, args } = context;
  if (args.length !== 1) throw new KubectlError(`unexpected args: [${args.join(" ")}]`);
  if (flags.string("token") !== "" && (flags.string("username") !== "" || flags.string("password") !== "")) {
    throw new KubectlError(
      "you cannot specify more than one authentication method at the same time: --token, --username/--password",
    );
  }
  const name = oneName(context);
  setFields(context, "users", name, {
    "client-certificate": "client-certificate",
    "client-key": "client-key",
    token: "token",
    username: "username",
    password: "password",
  });
  context.io.out(`User ${JSON.stringify(name)} set.\n`);
}

const memberOf: Readonly<Record<Entries, string>> = {
  clusters: "cluster",
  contexts: "context",
  users: "user",
};

/** Copies the flags that were given into the entry; files become data with --embed-certs. */
function setFields(
  { flags, session }: CommandContext,
  list: Entries,
  name: string,
  fields: Readonly<Record<string, string>>,
): void {
  const embeds = flags.has("embed-certs") && flags.bool("embed-certs");
  updateConfig(session, { list, name }, (file) => {
    const entry = entryOf(file, list, name);
    for (const [flag, field] of Object.entries(fields)) {
      if (!flags.changed(flag)) continue;
      if (flag === "insecure-skip-tls-verify") entry[field] = flags.bool(flag);
      else if (embeds && /certificate|key/.test(flag)) {
        entry[`${field}-data`] = readFileSync(flags.string(flag)).toString("base64");
        delete entry[field];
      } else if (flags.string(flag) === "") delete entry[field];
      else entry[field] = flags.string(flag);
    }
  });
}

function entryOf(file: ConfigFile, list: Entries, name: string): Record<string, unknown> {
  const entries = Array.isArray(file[list]) ? (file[list] as Record<string, unknown>[]) : [];
  file[list] = entries;
  let entry = entries.find((known) => known["name"] === name);
  if (entry === undefined) {
    entry = { name, [memberOf[list]]: {} };
    entries.push(entry);
  }
  const value = isObject(entry[memberOf[list]]) ? (entry[memberOf[list]] as Record<string, unknown>) : {};
  entry[memberOf[list]] = value;
  return value;
}

function remove(context: CommandContext, list: Entries, word: string): void {
  const { session, io } = context;
  const name = oneName(context);
  if (!session.config[list].has(name)) {
    throw new KubectlError(`cannot delete ${word} ${name}, not in ${session.configPaths[0]}`);
  }
  if (list === "contexts" && session.config.currentContext === name) {
    io.err(
      'warning: this removed your active context, use "kubectl config use-context" to select a different one\n',
    );
  }
  const path = updateConfig(session, { list, name }, (file) => {
    file[list] = (file[list] as Record<string, unknown>[]).filter((entry) => entry["name"] !== name);
  });
  io.out(`deleted ${word} ${name} from ${path}\n`);
}

function rename({ args, session, io, path }: CommandContext): void {
  const [from, to, ...rest] = args;
  if (from === undefined || to === undefined || rest.length > 0)
    throw new KubectlError(`Unexpected args: [${args.join(" ")}]\n${usageHint(path)}`);
  if (!session.config.contexts.has(from)) {
    throw new KubectlError(
      `cannot rename the context ${JSON.stringify(from)}, it's not in ${session.configPaths[0]}`,
    );
  }
  if (session.config.contexts.has(to)) {
    throw new KubectlError(
      `cannot rename the context ${JSON.stringify(from)}, the context ${JSON.stringify(to)} already exists in ${session.configPaths[0]}`,
    );
  }
  updateConfig(session, { list: "contexts", name: from }, (file) => {
    for (const entry of file["contexts"] as Record<string, unknown>[])
      if (entry["name"] === from) entry["name"] = to;
    if (file["current-context"] === from) file["current-context"] = to;
  });
  io.out(`Context ${JSON.stringify(from)} renamed to ${JSON.stringify(to)}.\n`);
}

/** `clusters.NAME.server`, `current-context`: where in the file a property stands. */
function locate(file: ConfigFile, property: string): { holder: Record<string, unknown>; key: string } {
  const [list = "", ...rest] = property.split(".");
  if (list !== "clusters" && list !== "contexts" && list !== "users") return { holder: file, key: property };
  const key = rest.at(-1) ?? "";
  return { holder: entryOf(file, list, rest.slice(0, -1).join(".")), key };
}

function setProperty({ args, session, io, path }: CommandContext): void {
  const [property, value, ...rest] = args;
  if (property === undefined || value === undefined || rest.length > 0)
    throw new KubectlError(`Unexpected args: [${args.join(" ")}]\n${usageHint(path)}`);
  updateConfig(session, undefined, (file) => {
    const { holder, key } = locate(file, property);
    holder[key] = key === "insecure-skip-tls-verify" ? (parseBool(value) ?? value) : value;
  });
  io.out(`Property ${JSON.stringify(property)} set.\n`);
}

function unsetProperty(context: CommandContext): void {
  const property = oneName(context);
  const { session, io } = context;
  updateConfig(session, undefined, (file) => {
    const [list = "", ...rest] = property.split(".");
    const isEntry = (list === "clusters" || list === "contexts" || list === "users") && rest.length === 1;
    if (isEntry) {
      const entries = Array.isArray(file[list]) ? (file[list] as Record<string, unknown>[]) : [];
      file[list] = entries.filter((entry) => entry["name"] !== rest[0]);
      return;
    }
    const { holder, key } = locate(file, property);
    if (holder[key] === undefined && !Array.isArray(holder[key])) {
      throw new KubectlError("current map key `" + key + "` is invalid");
    }
    delete holder[key];
  });
  io.out(`Property ${JSON.stringify(property)} unset.\n`);
}

const secrets: Readonly<Record<string, string>> = {
  "certificate-authority-data": "DATA+OMITTED",
  "client-certificate-data": "DATA+OMITTED",
  "client-key-data": "DATA+OMITTED",
  token: "REDACTED",
  password: "REDACTED",
};

async function view({ flags, session, io }: CommandContext): Promise<void> {
  const config = mergedConfig(session, { minify: flags.bool("minify"), flatten: flags.bool("flatten") });
  const shown = flags.bool("raw") ? config : withoutSecrets(config);
  const printer = await printerFor(flags, [], { inOrder: true });
  io.out(printer?.print(shown) ?? "");
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      (typeof inner === "string" ? secrets[key] : undefined) ?? withoutSecrets(inner),
    ]),
  );
}
