import { readFileSync } from "node:fs";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { type Creator, metaOf } from "./creator.ts";
import { isUtf8, keyValueFlags, readKeyValues } from "./key-values.ts";

export const namespaceCreator: Creator = {
  name: "namespace",
  usage: "NAME [--dry-run=server|client|none]",
  summary: "Create a namespace with the specified name",
  resource: resources.namespaces,
  build: (context, name) => ({
    kind: "Namespace",
    apiVersion: "v1",
    metadata: metaOf(context, name, { namespaced: false }),
    spec: {},
    status: {},
  }),
};

export const serviceAccountCreator: Creator = {
  name: "serviceaccount",
  usage: "NAME [--dry-run=server|client|none]",
  summary: "Create a service account with the specified name",
  resource: resources.serviceaccounts,
  failure: "failed to create serviceaccount",
  build: (context, name) => ({ kind: "ServiceAccount", apiVersion: "v1", metadata: metaOf(context, name) }),
};

export const configMapCreator: Creator = {
  name: "configmap",
  usage: "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
  summary: "Create a config map from a local file, directory or literal value",
  flags: keyValueFlags,
  resource: resources.configmaps,
  failure: "failed to create configmap",
  build: (context, name) => {
    const values = [...readKeyValues(context.flags, "ConfigMap", name)];
    const texts = values.filter(([, bytes]) => isUtf8(bytes));
    const binaries = values.filter(([, bytes]) => !isUtf8(bytes));
    return {
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: metaOf(context, name),
      ...(texts.length === 0
        ? {}
        : { data: Object.fromEntries(texts.map(([key, bytes]) => [key, bytes.toString()])) }),
      ...(binaries.length === 0
        ? {}
        : {
            binaryData: Object.fromEntries(binaries.map(([key, bytes]) => [key, bytes.toString("base64")])),
          }),
    };
  },
};

function secret(
  context: CommandContext,
  name: string,
  data: Readonly<Record<string, string>>,
  type: string,
): UnstructuredObject {
  return {
    kind: "Secret",
    apiVersion: "v1",
    metadata: metaOf(context, name),
    ...(Object.keys(data).length === 0 ? {} : { data }),
    ...(type === "" ? {} : { type }),
  };
}

export const genericSecretCreator: Creator = {
  name: "generic",
  usage:
    "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
  summary: "Create a secret from a local file, directory, or literal value",
  flags: { ...keyValueFlags, type: { type: "string", help: "the type of the secret" } },
  resource: resources.secrets,
  failure: "failed to create secret",
  build: (context, name) => {
    const values = readKeyValues(context.flags, "Secret", name);
    const data = Object.fromEntries([...values].map(([key, bytes]) => [key, bytes.toString("base64")]));
    return secret(context, name, data, context.flags.string("type"));
  },
};

export const tlsSecretCreator: Creator = {
  name: "tls",
  usage: "NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
  summary: "Create a TLS secret",
  flags: {
    cert: { type: "string", help: "file with the certificate, in PEM" },
    key: { type: "string", help: "file with the private key, in PEM" },
  },
  resource: resources.secrets,
  failure: "failed to create secret",
  build: async (context, name) => {
    const [cert, key] = [context.flags.string("cert"), context.flags.string("key")];
    if (cert === "" || key === "") throw new KubectlError("key and cert must be specified");
    const [certificate, privateKey] = [readPem(cert), readPem(key)];
    await checkPair(certificate, privateKey);
    const data = { "tls.crt": certificate.toString("base64"), "tls.key": privateKey.toString("base64") };
    return secret(context, name, data, "kubernetes.io/tls");
  },
};

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new KubectlError(`Cannot read file ${path}, open ${path}: no such file or directory`, {
      cause: error,
    });
  }
}

async function checkPair(certificate: Buffer, privateKey: Buffer): Promise<void> {
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  let matches: boolean;
  try {
    matches = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
  } catch (error) {
    throw new KubectlError("tls: failed to find any PEM data in certificate input", { cause: error });
  }
  if (!matches) throw new KubectlError("tls: private key does not match public key");
}

export const dockerSecretCreator: Creator = {
  name: "docker-registry",
  usage:
    "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string]",
  summary: "Create a secret for use with a Docker registry",
  flags: {
    "docker-username": { type: "string", help: "user name at the registry" },
    "docker-password": { type: "string", help: "password at the registry" },
    "docker-email": { type: "string", help: "email address at the registry" },
    "docker-server": {
      type: "string",
      default: "https://index.docker.io/v1/",
      help: "address of the registry",
    },
    "from-file": { type: "list", help: "a file .dockerconfigjson" },
    "append-hash": { type: "bool", help: "not supported" },
  },
  resource: resources.secrets,
  failure: "failed to create secret",
  build: (context, name) => {
    const { flags } = context;
    const [file] = flags.list("from-file");
    if (file !== undefined) {
      const path = file.slice(file.indexOf("=") + 1);
      const text = readPem(path).toString("base64");
      return secret(context, name, { ".dockerconfigjson": text }, "kubernetes.io/dockerconfigjson");
    }
    const [username, password, email] = ["docker-username", "docker-password", "docker-email"].map((flag) =>
      flags.string(flag),
    );
    if (username === "" || password === "" || flags.string("docker-server") === "") {
      throw new KubectlError(
        "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required",
      );
    }
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    const entry = { username, password, ...(email === "" ? {} : { email }), auth };
    const config = JSON.stringify({ auths: { [flags.string("docker-server")]: entry } });
    const data = { ".dockerconfigjson": Buffer.from(config).toString("base64") };
    return secret(context, name, data, "kubernetes.io/dockerconfigjson");
  },
};

export const quotaCreator: Creator = {
  name: "quota",
  usage: "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
  summary: "Create a quota with the specified name",
  flags: {
    hard: { type: "string", help: "RESOURCE=AMOUNT, several with commas" },
    scopes: { type: "string", help: "scopes, with commas" },
  },
  resource: resources.resourcequotas,
  failure: "failed to create quota",
  build: (context, name) => {
    const pairs = context.flags
      .string("hard")
      .split(",")
      .filter((part) => part !== "")
      .map(parseHard);
    const scopes = context.flags
      .string("scopes")
      .split(",")
      .filter((scope) => scope !== "");
    return {
      kind: "ResourceQuota",
      apiVersion: "v1",
      metadata: metaOf(context, name),
      spec: {
        ...(pairs.length === 0 ? {} : { hard: Object.fromEntries(pairs) }),
        ...(scopes.length === 0 ? {} : { scopes }),
      },
      status: {},
    };
  },
};

function parseHard(part: string): [string, string] {
  const [key = "", value, ...rest] = part.split("=");
  if (value === undefined || rest.length > 0) {
    throw new KubectlError(`Invalid argument syntax ${part}, expected <resource>=<value>`);
  }
  const amount = tryParseQuantity(value);
  if (amount === undefined) {
    throw new KubectlError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  return [key, amount.toString()];
}

export const priorityClassCreator: Creator = {
  name: "priorityclass",
  usage: "NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
  summary: "Create a priority class with the specified name",
  flags: {
    value: { type: "int", default: 0, help: "the priority" },
    "global-default": { type: "bool", help: "for pods that name no class" },
    description: { type: "string", help: "when to use it" },
    "preemption-policy": {
      type: "string",
      default: "PreemptLowerPriority",
      help: "PreemptLowerPriority or Never",
    },
  },
  resource: resources.priorityclasses,
  failure: "failed to create priorityclass",
  build: (context, name) => {
    const { flags } = context;
    const description = flags.string("description");
    return {
      kind: "PriorityClass",
      apiVersion: "scheduling.k8s.io/v1",
      metadata: metaOf(context, name, { namespaced: false }),
      value: flags.int("value"),
      ...(flags.bool("global-default") ? { globalDefault: true } : {}),
      ...(description === "" ? {} : { description }),
      preemptionPolicy: flags.string("preemption-policy"),
    };
  },
};

export const disruptionBudgetCreator: Creator = {
  name: "poddisruptionbudget",
  usage: "NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
  summary: "Create a pod disruption budget with the specified name",
  flags: {
    selector: { type: "string", help: "labels of the pods" },
    "min-available": { type: "string", help: "how many, or what percentage, must stay" },
    "max-unavailable": { type: "string", help: "how many, or what percentage, may be away" },
  },
  resource: resources.poddisruptionbudgets,
  failure: "failed to create poddisruptionbudgets",
  build: async (context, name) => {
    const { flags } = context;
    if (flags.string("selector") === "") throw new KubectlError("a selector must be specified");
    const [min, max] = [flags.string("min-available"), flags.string("max-unavailable")];
    if (min === "" && max === "")
      throw new KubectlError("one of min-available or max-unavailable must be specified");
    if (min !== "" && max !== "")
      throw new KubectlError("min-available and max-unavailable cannot be both specified");
    const selector = await labelSelectorOf(flags.string("selector"));
    return {
      kind: "PodDisruptionBudget",
      apiVersion: "policy/v1",
      metadata: metaOf(context, name),
      spec: {
        ...(min === "" ? {} : { minAvailable: intOrText(min) }),
        selector,
        ...(max === "" ? {} : { maxUnavailable: intOrText(max) }),
      },
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    };
  },
};

export const intOrText = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

const operators: Readonly<Record<string, string>> = {
  in: "In",
  notin: "NotIn",
  exists: "Exists",
  "!": "DoesNotExist",
  "!=": "NotIn",
};

/** The selector of an object from the text of one. */
export async function labelSelectorOf(text: string): Promise<Record<string, unknown>> {
  const { parseLabelSelector } = await import("../../apimachinery/labels.ts");
  const labels: Record<string, string> = {};
  const expressions: unknown[] = [];
  for (const { key, operator, values } of parseLabelSelector(text).requirements) {
    if (operator === "=" || operator === "==") labels[key] = values[0] ?? "";
    else
      expressions.push({
        key,
        operator: operators[operator],
        ...(values.length === 0 ? {} : { values: [...values] }),
      });
  }
  return {
    ...(Object.keys(labels).length === 0 ? {} : { matchLabels: labels }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
  };
}
