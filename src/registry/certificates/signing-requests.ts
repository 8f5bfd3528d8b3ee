import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../../api/types/certificates-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import { parseSigningRequest } from "../../pki/index.ts";

/** Decided by `approval` alone; writing the status neither adds nor removes them. */
const decisions = ["Approved", "Denied"];

const requestOf = (object: UnstructuredObject): CertificateSigningRequest =>
  object as unknown as CertificateSigningRequest;

/**
 * Signing requests: who asks is written down by the server, what is asked never changes, and the decision is a
 * subresource of its own, apart from the status that signers write (mirrors pkg/registry/certificates).
 */
export const certificateSigningRequestsExtension: ResourceExtension = {
  group: "certificates.k8s.io",
  resource: "certificatesigningrequests",
  setup: ({ nowMs }) => ({ strategy: strategy(nowMs) }),
};

function strategy(nowMs: () => number): Strategy {
  return {
    prepareForCreate({ user }, object) {
      const { spec } = requestOf(object);
      const {
        username: _1,
        uid: _2,
        groups: _3,
        extra: _4,
        ...asked
      } = spec ?? { request: "", signerName: "" };
      object["spec"] = {
        ...asked,
        username: user.name,
        ...(user.uid === "" ? {} : { uid: user.uid }),
        ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
        ...(Object.keys(user.extra).length === 0 ? {} : { extra: structuredClone(user.extra) }),
      };
      delete object["status"];
    },
    prepareForUpdate(_context, object, old, subresource) {
      object["spec"] = old["spec"];
      const before = requestOf(old).status?.conditions ?? [];
      if (subresource === "") return;
      const conditions = requestOf(object).status?.conditions ?? [];
      const kept = subresource === "status" ? keepDecisions(conditions, before) : conditions;
      const status = { ...requestOf(subresource === "approval" ? old : object).status };
      const stamped = stamp(kept, before, formatTime(nowMs()));
      object["status"] =
        stamped.length === 0 ? { ...status, conditions: undefined } : { ...status, conditions: stamped };
    },
    validateCreate: (_context, object) => requestErrors(requestOf(object)),
  };
}

function keepDecisions(
  conditions: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
): CertificateSigningRequestCondition[] {
  const others = conditions.filter(({ type }) => !decisions.includes(type));
  return [...before.filter(({ type }) => decisions.includes(type)), ...others];
}

/** Conditions say when they were written and when they became what they are. */
function stamp(
  conditions: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
  now: string,
): CertificateSigningRequestCondition[] {
  return conditions.map((condition) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: same?.lastTransitionTime ?? condition.lastTransitionTime ?? now,
    };
  });
}

function requestErrors({ spec }: CertificateSigningRequest): FieldError[] {
  try {
    parseSigningRequest(Buffer.from(spec?.request ?? "", "base64").toString());
    return [];
  } catch (error) {
    return [
      invalid("spec.request", spec?.request ?? "", error instanceof Error ? error.message : String(error)),
    ];
  }
}
