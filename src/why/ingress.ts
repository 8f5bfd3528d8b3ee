import type { Ingress } from "../api/types/networking-v1.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { byCauses, fine, kubectl, type Reason, reason, some, stuck, subject } from "./reason.ts";

/** An Ingress is rules: some controller must take them up, and the Services that they name must lead somewhere. */
export async function whyIngress(ingress: Ingress, look: Look): Promise<Reason> {
  const { namespace = "" } = ingress.metadata;
  const backends = await brokenBackends(ingress, look);
  if (backends.length > 0) return byCauses(ingress, "leads nowhere, at least in part", backends);
  const classes = await look.list(resources.ingressclasses);
  const className =
    ingress.spec?.ingressClassName ?? ingress.metadata.annotations?.["kubernetes.io/ingress.class"];
  const names = classes.map(({ metadata }) => metadata.name ?? "");
  const install = {
    says: "install an ingress controller, and name its class",
    command: "kubectl get ingressclasses",
  };
  if (className === undefined && classes.length === 0)
    return stuck(ingress, "is rules that nobody carries out: the cluster has no ingress controller", {
      next: install,
    });
  if (className === undefined)
    return stuck(
      ingress,
      `names no class, and none is the default: no controller takes it up (there is ${some(names)})`,
      {
        next: {
          says: "name the class",
          command: kubectl(
            { namespace },
            `patch ingress ${ingress.metadata.name ?? ""} -p '{"spec":{"ingressClassName":"${names[0] ?? ""}"}}'`,
          ),
        },
      },
    );
  if (!names.includes(className))
    return stuck(
      ingress,
      `names the class "${className}", which does not exist${names.length === 0 ? "" : ` (there is ${some(names)})`}`,
      { next: install },
    );
  const addresses = (ingress.status?.loadBalancer?.ingress ?? []).flatMap(
    ({ ip, hostname }) => ip ?? hostname ?? [],
  );
  if (addresses.length === 0)
    return stuck(ingress, `has no address: the controller of class "${className}" has not taken it up`, {
      next: { says: "see whether that controller runs, and what it says", command: "kubectl get pods -A" },
    });
  return fine(ingress, `is ready: it is served at ${some(addresses)}`);
}

async function brokenBackends(ingress: Ingress, look: Look): Promise<Reason[]> {
  const { namespace = "" } = ingress.metadata;
  const { rules = [], defaultBackend, tls = [] } = ingress.spec ?? {};
  const backends = [
    defaultBackend,
    ...rules.flatMap(({ http }) => http?.paths.map(({ backend }) => backend) ?? []),
  ];
  const services = backends.flatMap((backend) => backend?.service ?? []);
  const found = await Promise.all(
    [...new Map(services.map((service) => [service.name, service])).values()].map(async ({ name, port }) => {
      const service = await look.get(resources.services, name, namespace);
      if (service === undefined) return [missing("Service", name, namespace, "get services")];
      const ports = service.spec?.ports ?? [];
      const isServed =
        port === undefined ||
        ports.some(
          (each) => each.port === port.number || (each.name !== undefined && each.name === port.name),
        );
      if (!isServed)
        return [
          stuck(
            service,
            `has no port ${port.name ?? port.number}; it has ${ports.map((each) => each.port).join(", ")}`,
            {
              next: {
                says: "correct the port in the Ingress",
                command: kubectl({ namespace }, `edit ingress ${ingress.metadata.name ?? ""}`),
              },
            },
          ),
        ];
      return await look.causes([service]);
    }),
  );
  const secrets = await Promise.all(
    tls
      .flatMap(({ secretName }) => secretName ?? [])
      .map(async (name) =>
        (await look.get(resources.secrets, name, namespace)) === undefined &&
        !look.isUnseen(resources.secrets, namespace)
          ? [missing("Secret", name, namespace, `create secret tls ${name} --cert=FILE --key=FILE`)]
          : [],
      ),
  );
  return [...found.flat(), ...secrets.flat()];
}

const missing = (kind: string, name: string, namespace: string, command: string): Reason =>
  reason(subject("v1", kind, name, namespace), "stuck", "does not exist", {
    next: {
      says: `make the ${kind} "${name}", or correct its name in the Ingress`,
      command: kubectl({ namespace }, command),
    },
  });
