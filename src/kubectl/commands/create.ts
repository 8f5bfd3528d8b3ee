import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { withLastApplied } from "../apply/apply-object.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { type Creator, createFlags, creatorCommand } from "../create/creator.ts";
import { KubectlError, throwCollected, withSource } from "../errors.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { filenameFlags, hasFiles, readTargetsLoosely } from "../resource-builder.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

type Load = () => Promise<KubectlCommand>;

const from =
  (load: () => Promise<Creator>): Load =>
  async () =>
    creatorCommand(await load());
const basics = () => import("../create/basics.ts");
const workloads = () => import("../create/workloads.ts");
const rbac = () => import("../create/rbac.ts");
const serviceGroup: Load = async () => {
  const { serviceCreators } = await import("../create/services.ts");
  return {
    name: "service",
    usage: "TYPE",
    summary: "Create a service using a specified subcommand",
    subcommands: Object.fromEntries(
      serviceCreators.map((creator) => [creator.name, () => Promise.resolve(creatorCommand(creator))]),
    ),
  };
};

const namespace = from(async () => (await basics()).namespaceCreator);
const configMap = from(async () => (await basics()).configMapCreator);
const account = from(async () => (await basics()).serviceAccountCreator);
const quota = from(async () => (await basics()).quotaCreator);
const priority = from(async () => (await basics()).priorityClassCreator);
const budget = from(async () => (await basics()).disruptionBudgetCreator);
const deployment = from(async () => (await workloads()).deploymentCreator);
const cronJob = from(async () => (await workloads()).cronJobCreator);
const ingress = from(async () => (await import("../create/services.ts")).ingressCreator);

const secretGroup: KubectlCommand = {
  usage: "(docker-registry | generic | tls)",
  summary: "Create a secret with specified type",
  subcommands: {
    generic: from(async () => (await basics()).genericSecretCreator),
    tls: from(async () => (await basics()).tlsSecretCreator),
    "docker-registry": from(async () => (await basics()).dockerSecretCreator),
  },
};

export const createCommand: KubectlCommand = {
  usage: "-f FILENAME",
  summary: "Create a resource from a file or from stdin",
  flags: {
    ...filenameFlags,
    ...createFlags(),
    selector: { type: "string", short: "l", help: "label selector for the objects of the files" },
    edit: { type: "bool", help: "not supported" },
    raw: { type: "string", help: "POST the file to this path" },
  },
  subcommands: {
    namespace,
    ns: namespace,
    configmap: configMap,
    cm: configMap,
    secret: () => Promise.resolve(secretGroup),
    service: serviceGroup,
    svc: serviceGroup,
    serviceaccount: account,
    sa: account,
    deployment,
    deploy: deployment,
    job: from(async () => (await workloads()).jobCreator),
    cronjob: cronJob,
    cj: cronJob,
    role: from(async () => (await rbac()).roleCreator),
    clusterrole: from(async () => (await rbac()).clusterRoleCreator),
    rolebinding: from(async () => (await rbac()).roleBindingCreator),
    clusterrolebinding: from(async () => (await rbac()).clusterRoleBindingCreator),
    ingress,
    ing: ingress,
    poddisruptionbudget: budget,
    pdb: budget,
    quota,
    resourcequota: quota,
    priorityclass: priority,
    pc: priority,
    token: async () => (await import("../create/token.ts")).tokenCommand,
  },
  run: createFromFiles,
};

async function createFromFiles(context: CommandContext): Promise<void> {
  const { flags, args, session, io, path } = context;
  if (flags.bool("edit")) throw new KubectlError("--edit is not supported by this client");
  if (args.length > 0) throw new KubectlError(`Unexpected args: [${args.join(" ")}]\n${usageHint(path)}`);
  if (!hasFiles(flags)) throw new KubectlError("must specify one of -f and -k");
  const print = await outcomePrinterFor(flags);
  if (flags.string("raw") !== "") throw new KubectlError("--raw is not supported by this client");
  const { parseLabelSelector } = await import("../../apimachinery/labels.ts");
  const selector = parseLabelSelector(flags.string("selector"));
  const query = writeQuery(flags);
  const errors: unknown[] = [];
  let count = 0;
  for (const target of await readTargetsLoosely(session, flags)) {
    if (target instanceof Error) {
      errors.push(target);
      continue;
    }
    const object = target.object as UnstructuredObject;
    if (!selector.matches(object.metadata.labels)) continue;
    count++;
    const wanted = flags.bool("save-config") ? withLastApplied(object) : object;
    try {
      const isDry = dryRunOf(flags) === "client";
      io.out(print(isDry ? wanted : await session.api.create(target, wanted, query), "created"));
    } catch (error) {
      errors.push(withSource(error, "creating", target.source));
    }
  }
  if (count === 0 && errors.length === 0) throw new KubectlError("no objects passed to create");
  throwCollected(errors);
}
