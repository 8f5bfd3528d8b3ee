import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../../api/types/certificates-v1.ts";
import { checkSigningRequest, checkSigningRequestUpdate } from "../../api/validation/certificates.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import { decodePem, parseSigningRequest } from "../../pki/index.ts";
import { readCertificate } from "./x509.ts";

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
      object["status"] = {};
    },
    prepareForUpdate(_context, object, old, subresource) {
      object["spec"] = old["spec"];
      if (subresource === "") return;
      const before = requestOf(old).status?.conditions ?? [];
      const given = requestOf(object).status?.conditions ?? [];
      const kept = subresource === "status" ? keepDecisions(given, before) : given;
      const conditions = stamp(kept, before, formatTime(nowMs()));
      const status = { ...requestOf(subresource === "approval" ? old : object).status };
      delete status.conditions;
      object["status"] = conditions.length === 0 ? status : { ...status, conditions };
    },
    validateCreate(_context, object) {
      const errors: FieldError[] = [];
      const request = requestOf(object);
      checkSigningRequest(request, { request: requestFault(request) }, errors);
      return errors;
    },
    validateUpdate(_context, object, old, subresource) {
      const errors: FieldError[] = [];
      const [now, before] = [requestOf(object), requestOf(old)];
      const faults = { request: requestFault(now), certificate: newCertificateFault(now, before) };
      checkSigningRequestUpdate(now, before, subresource, faults, errors);
      return errors;
    },
  };
}

/** Decisions stay as they were, unless their number changes, which is refused. */
function keepDecisions(
  given: readonly CertificateSigningRequestCondition[],
  before: readonly CertificateSigningRequestCondition[],
): CertificateSigningRequestCondition[] {
  let result = [...given];
  for (const type of decisions) {
    const kept = before.filter((condition) => condition.type === type);
    if (kept.length !== given.filter((condition) => condition.type === type).length) continue;
    const rest = kept.values();
    result = result.map((condition) =>
      condition.type === type ? (rest.next().value ?? condition) : condition,
    );
  }
  return result;
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
      lastTransitionTime: condition.lastTransitionTime ?? same?.lastTransitionTime ?? now,
    };
  });
}

function requestFault({ spec }: CertificateSigningRequest): string | undefined {
  try {
    parseSigningRequest(Buffer.from(spec?.request ?? "", "base64").toString());
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A certificate that stays is let be, and so is one in the place of a bad one. */
function newCertificateFault(
  now: CertificateSigningRequest,
  old: CertificateSigningRequest,
): string | undefined {
  const [given = "", before = ""] = [now, old].map(({ status }) => status?.certificate ?? "");
  return given === before || certificateFault(before) !== undefined ? undefined : certificateFault(given);
}

function certificateFault(base64: string): string | undefined {
  if (base64 === "") return undefined;
  const blocks = decodePem(Buffer.from(base64, "base64").toString());
  for (const { label, hasHeaders, der } of blocks) {
    if (label !== "CERTIFICATE") {
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`;
    }
    if (hasHeaders) return "no PEM block headers are permitted";
    if (readCertificate(der) === undefined) return "x509: malformed certificate";
  }
  return blocks.length === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}
