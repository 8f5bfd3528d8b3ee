import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isConflict } from "../../apimachinery/status.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { outcomePrinterFor, printFlags } from "../printers/index.ts";
import {
  filenameFlags,
  hasFiles,
  readTargets,
  resourceOf,
  type Target,
  targetNamed,
} from "../resource-builder.ts";

type Decision = "Approved" | "Denied";

function decide(decision: Decision, verb: string): KubectlCommand {
  return {
    usage: "(-f FILENAME | NAME) [options]",
    summary: `${verb === "approve" ? "Approve" : "Deny"} a certificate signing request`,
    flags: {
      ...printFlags,
      ...filenameFlags,
      force: { type: "bool", help: "update the request even if it has been decided" },
    },
    run: (context) => run(context, decision),
  };
}

export const certificateCommand: KubectlCommand = {
  usage: "SUBCOMMAND [options]",
  summary: "Modify certificate resources",
  bareHelp: "success",
  subcommands: {
    approve: () => Promise.resolve(decide("Approved", "approve")),
    deny: () => Promise.resolve(decide("Denied", "deny")),
  },
};

async function run(context: CommandContext, decision: Decision): Promise<void> {
  const { flags, session, io, args } = context;
  const print = await outcomePrinterFor(flags);
  const fromFiles = hasFiles(flags);
  if (args.length === 0 && !fromFiles) {
    throw new KubectlError("one or more CSRs must be specified as <name> or -f <filename>");
  }
  const resource = await resourceOf(session, "certificatesigningrequests");
  const targets = fromFiles
    ? await readTargets(session, flags)
    : args.map((name) => targetNamed(session, resource, name));
  let found = 0;
  for (const target of targets) {
    if (target.resource.kind !== "CertificateSigningRequest") {
      throw new KubectlError(`can only handle certificates.k8s.io/v1 certificate signing requests`);
    }
    io.out(print(await decided(context, target, decision), decision.toLowerCase()));
    found++;
  }
  if (found === 0) io.out("No resources found\n");
}

/** Writes the condition; whoever else changed the request in between is given way to ten times. */
async function decided(
  { session, flags }: CommandContext,
  target: Target,
  decision: Decision,
): Promise<UnstructuredObject> {
  for (let tries = 0; ; tries++) {
    const request = await session.api.get(target);
    const status = isObject(request["status"]) ? request["status"] : {};
    const conditions = Array.isArray(status["conditions"]) ? (status["conditions"] as Condition[]) : [];
    if (conditions.some(({ type }) => type === decision) && !flags.bool("force")) return request;
    const kept = conditions.filter(({ type }) => type !== decision);
    const condition: Condition = {
      type: decision,
      status: "True",
      reason: decision === "Approved" ? "KubectlApprove" : "KubectlDeny",
      message: `This CSR was ${decision.toLowerCase()} by kubectl certificate ${decision === "Approved" ? "approve" : "deny"}.`,
      lastUpdateTime: new Date(session.clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    };
    const body = { ...request, status: { ...status, conditions: [...kept, condition] } };
    try {
      return await session.api.replace({ ...target, subresource: "approval" }, body);
    } catch (error) {
      if (!isConflict(error) || tries >= 10) throw error;
    }
  }
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastUpdateTime: string;
}
