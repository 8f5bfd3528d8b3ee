import type { PolicyRule } from "../../api/types/rbac-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { ruleRows } from "../describe/rbac.ts";
import { ExitError, KubectlError } from "../errors.ts";
import { printerFor, printFlags } from "../printers/index.ts";
import { TablePadder } from "../printers/tab-writer.ts";

const canICommand: KubectlCommand = {
  usage: "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
  summary: "Check whether an action is allowed",
  flags: {
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    list: { type: "bool", help: "print all that is allowed" },
    "no-headers": { type: "bool", help: "leave the headings out" },
    quiet: { type: "bool", short: "q", help: "answer by the exit code alone" },
    subresource: { type: "string", help: "of this subresource" },
  },
  run: canI,
};

const whoAmICommand: KubectlCommand = {
  usage: "",
  summary: "Check self subject attributes",
  flags: printFlags,
  run: whoAmI,
};

export const authCommand: KubectlCommand = {
  usage: "SUBCOMMAND",
  summary: "Inspect authorization",
  bareHelp: "stderr",
  subcommands: {
    "can-i": () => Promise.resolve(canICommand),
    reconcile: async () => (await import("./auth-reconcile.ts")).reconcileCommand,
    whoami: () => Promise.resolve(whoAmICommand),
  },
};

async function canI(context: CommandContext): Promise<number> {
  const { args, flags, session, io, path } = context;
  if (flags.bool("list")) {
    if (args.length > 0) throw new KubectlError("list option must be specified with no arguments");
    return await listAllowed(context);
  }
  const [verb, what, name, ...rest] = args;
  if (verb === undefined || what === undefined || rest.length > 0) {
    throw new KubectlError(
      `you must specify two arguments: verb resource or verb resource/resourceName.\nSee '${path} -h' for help and examples.`,
    );
  }
  const spec = what.startsWith("/")
    ? { nonResourceAttributes: { path: what, verb } }
    : { resourceAttributes: await resourceAttributes(context, verb, what, name) };
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    metadata: {},
    spec,
  };
  const answer = await session.api.create({ resource: resources.selfsubjectaccessreviews }, review);
  const {
    allowed = false,
    reason = "",
    evaluationError = "",
  } = answer["status"] as {
    allowed?: boolean;
    reason?: string;
    evaluationError?: string;
  };
  if (!flags.bool("quiet")) {
    const why = allowed
      ? ""
      : `${reason === "" ? "" : ` - ${reason}`}${evaluationError === "" ? "" : ` - ${evaluationError}`}`;
    io.out(`${allowed ? "yes" : "no"}${why}\n`);
  }
  if (!allowed) throw new ExitError(1);
  return 0;
}

async function resourceAttributes(
  { session, flags, io }: CommandContext,
  verb: string,
  what: string,
  given: string | undefined,
): Promise<Record<string, string>> {
  const [type = "", name = given ?? ""] = what.split("/");
  const quiet = flags.bool("quiet");
  let resource: { group: string; version: string; resource: string; namespaced: boolean } | undefined;
  if (type === "*") resource = { group: "*", version: "*", resource: "*", namespaced: true };
  else resource = await session.mapper.forName(type);
  if (resource === undefined && !quiet) {
    const [plain = "", ...rest] = type.split(".");
    const shown = rest.length === 0 ? `'${type}'` : `'${plain}' in group '${rest.join(".")}'`;
    io.err(`Warning: the server doesn't have a resource type ${shown}\n\n`);
  }
  if (!knownVerbs.has(verb) && !quiet) io.err(`Warning: verb '${verb}' is not a known verb\n\n`);
  const [plain = "", ...group] = type.split(".");
  const found = resource ?? { group: group.join("."), version: "", resource: plain, namespaced: true };
  if (!found.namespaced && !flags.bool("all-namespaces") && !quiet) {
    const shown = found.group === "" ? "" : ` in group '${found.group}'`;
    io.err(`Warning: resource '${found.resource}' is not namespace scoped${shown}\n\n`);
  }
  return {
    ...(flags.bool("all-namespaces") ? {} : { namespace: session.namespace }),
    verb,
    group: found.group,
    resource: found.resource,
    subresource: flags.string("subresource"),
    name,
  };
}

const knownVerbs = new Set([
  "*",
  "approve",
  "attest",
  "bind",
  "create",
  "delete",
  "deletecollection",
  "escalate",
  "get",
  "impersonate",
  "list",
  "patch",
  "sign",
  "update",
  "use",
  "watch",
]);

async function listAllowed({ session, io, flags }: CommandContext): Promise<number> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    metadata: {},
    spec: { namespace: session.namespace },
  };
  const answer = await session.api.create({ resource: resources.selfsubjectrulesreviews }, review);
  const { resourceRules = [], nonResourceRules = [] } = answer["status"] as {
    resourceRules?: PolicyRule[];
    nonResourceRules?: PolicyRule[];
  };
  const rows = ruleRows([...resourceRules, ...nonResourceRules]);
  const headings = ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"];
  io.out(new TablePadder().format(flags.bool("no-headers") ? rows : [headings, ...rows]));
  return 0;
}

async function whoAmI({ session, flags, io }: CommandContext): Promise<void> {
  const printer = await printerFor(flags, [], { inOrder: true });
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} };
  const answer = await session.api.create({ resource: resources.selfsubjectreviews }, review);
  io.out(printer === undefined ? attributes(answer) : printer.print(answer));
}

function attributes(answer: UnstructuredObject): string {
  const { userInfo = {} } = answer["status"] as {
    userInfo?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
  };
  const { username = "", uid = "", groups = [], extra = {} } = userInfo;
  const rows = [
    ["ATTRIBUTE", "VALUE"],
    ...(username === "" ? [] : [["Username", username]]),
    ...(uid === "" ? [] : [["UID", uid]]),
    ...(groups.length === 0 ? [] : [["Groups", `[${groups.join(" ")}]`]]),
    ...Object.keys(extra)
      .sort()
      .map((key) => [`Extra: ${key}`, `[${(extra[key] ?? []).join(" ")}]`]),
  ];
  return new TablePadder().format(rows);
}
