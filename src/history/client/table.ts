import { humanDuration } from "../../api/columns/duration.ts";
import { parseTime } from "../../apimachinery/time.ts";
import { isHidden } from "../redact.ts";
import { changedFields } from "./fields.ts";
import type { Change } from "./read.ts";

/** More would not fit a line. */
const maxFields = 3;

const controllerAccount = "system:serviceaccount:kube-system:";

/** One row for each change: who did what to which fields, and why. */
export function historyRows(items: readonly Change[], nowMs: number): string[][] {
  return [
    ["REVISION", "AGE", "VERB", "WHO", "MANAGER", "BECAUSE OF", "CHANGED"],
    ...items.map((change) => {
      const { request } = change;
      return [
        String(change.revision),
        humanDuration(nowMs - (parseTime(change.time) ?? nowMs)),
        verbOf(change),
        request === undefined ? "the server itself" : whoOf(request.user),
        request?.fieldManager ?? "-",
        becauseOf(change),
        fieldsOf(change),
      ];
    }),
  ];
}

function verbOf({ request, change }: Change): string {
  if (request === undefined) return change;
  const verb = request.subresource === "" ? request.verb : `${request.verb} ${request.subresource}`;
  return change === "deleted" && !request.verb.startsWith("delete") ? `${verb} (the last finalizer)` : verb;
}

/** Controllers by their name alone. */
const whoOf = (user: string): string =>
  user.startsWith(controllerAccount) ? user.slice(controllerAccount.length) : user;

/** The reconcile that made the request; of programs elsewhere no more is known than what they call themselves. */
function becauseOf({ request }: Change): string {
  if (request === undefined) return "-";
  const { cause, userAgent, user, fieldManager, requestId } = request;
  if (cause !== undefined) {
    const waker = cause.wokenBy.at(-1);
    return `reconcile ${cause.key}${waker === undefined ? "" : ` (${waker.kind} ${waker.name} at ${waker.revision})`}`;
  }
  const program = userAgent.split(" ")[0] ?? "";
  // Parts of the cluster itself call themselves by their user's name.
  const isTold = program === user || program === fieldManager;
  return [isTold ? "" : program, requestId].filter((part) => part !== "").join(" request ") || "-";
}

function fieldsOf({ change, before, after }: Change): string {
  if (change !== "changed") return change;
  if (isHidden(before) || isHidden(after)) return "changed (how is not kept: it is secret)";
  const fields = changedFields(before, after);
  const rest = fields.length - maxFields;
  return fields.length === 0
    ? "nothing"
    : `${fields.slice(0, maxFields).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
