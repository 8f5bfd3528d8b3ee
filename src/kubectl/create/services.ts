import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext } from "../command.ts";
import { KubectlError } from "../errors.ts";
import type { FlagSpecs } from "../flags.ts";
import { intOrText } from "./basics.ts";
import { type Creator, metaOf } from "./creator.ts";

interface ServiceKind {
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  readonly flags?: FlagSpecs;
  readonly required?: readonly string[];
  readonly usage: string;
  readonly summary: string;
}

const kinds: readonly ServiceKind[] = [
  {
    type: "ClusterIP",
    usage: "NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
    summary: "Create a ClusterIP service",
    flags: { clusterip: { type: "string", help: "the address; None for a headless service" } },
  },
  {
    type: "NodePort",
    usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    summary: "Create a NodePort service",
    flags: { "node-port": { type: "int", default: 0, help: "the port of the nodes" } },
  },
  {
    type: "LoadBalancer",
    usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    summary: "Create a LoadBalancer service",
  },
  {
    type: "ExternalName",
    usage: "NAME --external-name external.name [--dry-run=server|client|none]",
    summary: "Create an ExternalName service",
    flags: { "external-name": { type: "string", help: "the DNS name that it stands for" } },
    required: ["external-name"],
  },
];

/** One for each type of service. */
export const serviceCreators: readonly Creator[] = kinds.map((kind) => ({
  name: kind.type.toLowerCase(),
  usage: kind.usage,
  summary: kind.summary,
  flags: { tcp: { type: "list", help: "PORT or PORT:TARGET; may be repeated" }, ...kind.flags },
  ...(kind.required === undefined ? {} : { required: kind.required }),
  resource: resources.services,
  failure: `failed to create ${kind.type} service`,
  build: (context, name) => buildService(context, name, kind.type),
}));

function buildService(context: CommandContext, name: string, type: ServiceKind["type"]): UnstructuredObject {
  const { flags } = context;
  const clusterIP = flags.has("clusterip") ? flags.string("clusterip") : "";
  const tcp = flags.list("tcp");
  if (tcp.length === 0 && type !== "ExternalName" && clusterIP !== "None") {
    throw new KubectlError("at least one tcp port specifier must be provided");
  }
  if (tcp.length > 0 && clusterIP === "None") throw new KubectlError("can not map ports with clusterip=None");
  const nodePort = flags.has("node-port") ? flags.int("node-port") : 0;
  const ports = tcp.map((text) => parsePortPair(text, nodePort));
  const labels = { app: name };
  const externalName = flags.has("external-name") ? flags.string("external-name") : "";
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: metaOf(context, name, { labels }),
    spec: {
      ...(ports.length === 0 ? {} : { ports }),
      selector: labels,
      ...(clusterIP === "" ? {} : { clusterIP }),
      type,
      ...(externalName === "" ? {} : { externalName }),
    },
    status: { loadBalancer: {} },
  };
}

function parsePortPair(text: string, nodePort: number): Record<string, unknown> {
  const [first = "", second = first, ...rest] = text.split(":");
  const port = Number(first);
  if (rest.length > 0 || !/^\d+$/.test(first) || port < 1 || port > 65_535) {
    throw new KubectlError(`invalid port number: ${first}`);
  }
  return {
    name: text.replace(":", "-"),
    protocol: "TCP",
    port,
    targetPort: intOrText(second),
    ...(nodePort === 0 ? {} : { nodePort }),
  };
}

const ruleForm =
  /^(?<host>[^/]*)(?<path>\/[^=*]*)?(?<wildcard>\*)?=(?<service>[a-z0-9-]+):(?<port>[a-z0-9-]+)(?<tls>,tls(?:=(?<secret>[a-z0-9.-]+))?)?$/;

export const ingressCreator: Creator = {
  name: "ingress",
  usage: "NAME --rule=host/path=service:port[,tls[=secret]]",
  summary: "Create an ingress with the specified name",
  flags: {
    rule: { type: "array", help: "HOST/PATH=SERVICE:PORT[,tls[=SECRET]]; a path that ends in * is a prefix" },
    class: { type: "string", help: "the ingress class" },
    "default-backend": { type: "string", help: "SERVICE:PORT for everything else" },
    annotation: { type: "array", help: "KEY=VALUE" },
  },
  resource: resources.ingresses,
  failure: "failed to create ingress",
  build: (context, name) => {
    const { flags } = context;
    const rules = flags.list("rule").map(parseRule);
    const fallback = flags.string("default-backend");
    if (rules.length === 0 && fallback === "") {
      throw new KubectlError(
        "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)",
      );
    }
    const annotations = Object.fromEntries(flags.list("annotation").map(parseAnnotation));
    const tls = tlsOf(rules);
    return {
      kind: "Ingress",
      apiVersion: "networking.k8s.io/v1",
      metadata: metaOf(context, name, Object.keys(annotations).length === 0 ? {} : { annotations }),
      spec: {
        ...(flags.string("class") === "" ? {} : { ingressClassName: flags.string("class") }),
        ...(fallback === "" ? {} : { defaultBackend: parseBackend(fallback) }),
        ...(tls.length === 0 ? {} : { tls }),
        ...(rules.length === 0 ? {} : { rules: rulesByHost(rules) }),
      },
      status: { loadBalancer: {} },
    };
  },
};

interface ParsedRule {
  readonly host: string;
  readonly path: Record<string, unknown>;
  /** Undefined without TLS, empty for the ingress controller's own certificate. */
  readonly secret: string | undefined;
}

function parseRule(rule: string): ParsedRule {
  const groups = ruleForm.exec(rule)?.groups;
  if (groups === undefined) {
    throw new KubectlError(
      `rule ${rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`,
    );
  }
  const { host = "", path: text = "", wildcard, service = "", port = "", tls, secret = "" } = groups;
  const path = wildcard === undefined || text !== "" ? text : "/";
  return {
    host,
    path: {
      ...(path === "" ? {} : { path }),
      pathType: wildcard === undefined ? "Exact" : "Prefix",
      backend: { service: { name: service, port: portOf(port) } },
    },
    secret: tls === undefined ? undefined : secret,
  };
}

const portOf = (port: string): Record<string, unknown> =>
  /^\d+$/.test(port) ? { number: Number(port) } : { name: port };

function parseBackend(text: string): Record<string, unknown> {
  const [name = "", port, ...rest] = text.split(":");
  if (port === undefined || rest.length > 0)
    throw new KubectlError("default-backend should be in format servicename:serviceport");
  return { service: { name, port: portOf(port) } };
}

function parseAnnotation(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals < 0) throw new KubectlError(`annotation ${text} is invalid and should be in format key=[value]`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function rulesByHost(rules: readonly ParsedRule[]): unknown[] {
  const hosts = new Map<string, Record<string, unknown>[]>();
  for (const { host, path } of rules) hosts.set(host, [...(hosts.get(host) ?? []), path]);
  return [...hosts].map(([host, paths]) => ({ ...(host === "" ? {} : { host }), http: { paths } }));
}

function tlsOf(rules: readonly ParsedRule[]): unknown[] {
  const hosts = new Map<string, string[]>();
  for (const { host, secret } of rules) {
    if (secret === undefined) continue;
    const known = hosts.get(secret) ?? [];
    hosts.set(secret, host === "" || known.includes(host) ? known : [...known, host]);
  }
  return [...hosts].map(([secretName, names]) => ({
    ...(names.length === 0 ? {} : { hosts: names }),
    ...(secretName === "" ? {} : { secretName }),
  }));
}
