import type { AllocatedDeviceStatus, ResourceClaim } from "../../api/types/resource-v1.ts";
import { type FieldError, forbidden } from "../../apimachinery/field-error.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { RegistryDependencies, ResourceExtension } from "../../apiserver/registry/strategy.ts";

/**
 * Claims and their templates. Access to devices that others use is for namespaces that an administrator labelled; what was
 * told of devices goes when they are given back (mirrors pkg/registry/resource).
 */
const adminLabel = "resource.kubernetes.io/admin-access";

export const resourceClaimsExtension: ResourceExtension = {
  group: "resource.k8s.io",
  resource: "resourceclaims",
  setup: ({ reader, authorizer }: RegistryDependencies) => ({
    strategy: {
      prepareForUpdate(_context, object, old, subresource) {
        if (subresource === "status") dropReturnedDevices(object, old);
      },
      validateCreate: (_context, object) => requestErrors(reader, object, at(object, "spec")),
      async validateExpressions(context, object, old, subresource) {
        if (old !== undefined && subresource === "status") {
          const { statusErrors } = await import("./status-authorization.ts");
          return statusErrors(authorizer, context, statusOf(object), statusOf(old));
        }
        if (old !== undefined || !hasSelectors(object)) return [];
        const { requestsErrors } = await import("./expressions.ts");
        return requestsErrors(at(object, "spec", "devices"), "spec.devices");
      },
      validateUpdate(_context, object, old, subresource) {
        if (subresource !== "status" || adminResult(old) >= 0) return [];
        const index = adminResult(object);
        return index < 0
          ? []
          : adminErrors(reader, object, `status.allocation.devices.results[${index}].adminAccess`);
      },
    },
  }),
};

export const resourceClaimTemplatesExtension: ResourceExtension = {
  group: "resource.k8s.io",
  resource: "resourceclaimtemplates",
  setup: ({ reader }: RegistryDependencies) => ({
    strategy: {
      validateCreate: (_context, object) => requestErrors(reader, object, at(object, "spec", "spec")),
      async validateExpressions(_context, object) {
        if (!hasSelectors(object)) return [];
        const { requestsErrors } = await import("./expressions.ts");
        return requestsErrors(at(object, "spec", "spec", "devices"), "spec.spec.devices");
      },
    },
  }),
};

export const deviceClassesExtension: ResourceExtension = {
  group: "resource.k8s.io",
  resource: "deviceclasses",
  setup: () => ({
    strategy: {
      async validateExpressions(_context, object) {
        if (!hasSelectors(object)) return [];
        const { selectorsErrors } = await import("./expressions.ts");
        return selectorsErrors(at(object, "spec", "selectors"), "spec.selectors");
      },
    },
  }),
};

/** Most choose by class alone, and load no expressions. */
const hasSelectors = ({ spec }: UnstructuredObject): boolean => JSON.stringify(spec ?? {}).includes('"cel"');

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((inner, step) => (isObject(inner) ? inner[step] : undefined), value);
}

const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
};

/** The path is the same for templates and for the first beta, which has the field elsewhere. */
function requestErrors(reader: ObjectReader, object: UnstructuredObject, spec: unknown): FieldError[] {
  const index = listAt(spec, "devices", "requests").findIndex(
    (request) => at(request, "exactly", "adminAccess") === true || at(request, "adminAccess") === true,
  );
  return index < 0 ? [] : adminErrors(reader, object, `spec.devices.requests[${index}].adminAccess`);
}

const statusOf = (claim: UnstructuredObject): NonNullable<ResourceClaim["status"]> =>
  (claim as unknown as ResourceClaim).status ?? {};

const adminResult = (claim: UnstructuredObject): number =>
  listAt(claim, "status", "allocation", "devices", "results").findIndex(
    (result) => at(result, "adminAccess") === true,
  );

function adminErrors(reader: ObjectReader, { metadata }: UnstructuredObject, path: string): FieldError[] {
  const namespace = reader.get({ group: "", resource: "namespaces" }, "", metadata.namespace ?? "");
  if (namespace?.metadata.labels?.[adminLabel] === "true") return [];
  const detail = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
  return [forbidden(path, detail)];
}

type DeviceKey = Pick<AllocatedDeviceStatus, "driver" | "pool" | "device" | "shareID">;
const keyOf = ({ driver, pool, device, shareID = "" }: DeviceKey): string =>
  JSON.stringify([driver, pool, device, shareID]);

/** Clients that do not know of the status of devices would leave it behind. */
function dropReturnedDevices(object: UnstructuredObject, old: UnstructuredObject): void {
  const { status } = object as unknown as ResourceClaim;
  if (status?.devices === undefined) return;
  const allocated = (claim: UnstructuredObject): string[] =>
    ((claim as unknown as ResourceClaim).status?.allocation?.devices?.results ?? []).map(keyOf);
  const kept = new Set(allocated(object));
  const returned = new Set(allocated(old).filter((key) => !kept.has(key)));
  const devices = status.devices.filter((device) => !returned.has(keyOf(device)));
  const { devices: _, ...others } = status;
  object["status"] = devices.length === 0 ? others : { ...others, devices };
}
