import { deepEqual } from "../../apimachinery/json.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { subjectFlags, subjectsOf } from "../create/rbac.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { liveTargets, modifyFlags, selectionFlags } from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

export const setSubjectCommand: KubectlCommand = {
  usage:
    "(-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]",
  summary: "Update the user, group, or service account in a role binding or cluster role binding",
  flags: {
    ...modifyFlags("kubectl-set"),
    ...selectionFlags,
    ...subjectFlags,
    local: { type: "bool", help: "not supported" },
  },
  run: setSubject,
};

async function setSubject(context: CommandContext): Promise<void> {
  const { args, flags, session, io } = context;
  const added = subjectsOf(context);
  if (added.length === 0) {
    throw new KubectlError("you must specify at least one value of user, group or serviceaccount");
  }
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const { live, ...target } of await liveTargets(context, args)) {
    if (live.kind !== "RoleBinding" && live.kind !== "ClusterRoleBinding") {
      errors.push(new KubectlError("setting subjects is only supported for RoleBinding/ClusterRoleBinding"));
      continue;
    }
    const before = Array.isArray(live["subjects"]) ? (live["subjects"] as unknown[]) : [];
    const missing = added.filter((subject) => !before.some((known) => deepEqual(known, subject)));
    if (missing.length === 0) continue;
    const subjects = [...before, ...missing];
    try {
      const object =
        dryRunOf(flags) === "client"
          ? { ...live, subjects }
          : await session.api.patch(target, "merge", { subjects }, writeQuery(flags));
      io.out(print(object, "subjects updated"));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}
