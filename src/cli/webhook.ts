import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RealClock } from "../apimachinery/clock.ts";
import { dns1123SubdomainErrors, wildcardDns1123SubdomainErrors } from "../apimachinery/names.ts";
import { type Instance, runningServer } from "../cluster/instance.ts";
import { CertificateAuthority } from "../pki/authority.ts";
import { type Command, CommandError, nameOption, type OptionValues, text, usageExitCode } from "./command.ts";
import { requireInstance } from "./instances.ts";

const defaultPort = "9443";

export const webhookCommand: Command = {
  name: "webhook",
  usage: "webhook cert [--dir DIR] [--host NAME]… [--point CONFIGURATION]…",
  summary: "give a webhook that runs on this machine a certificate, and point the cluster at it",
  description: `For operators under development: the program runs here, under a debugger if you like, and the
cluster's API server calls it at a URL.

  webhook cert   writes tls.crt, tls.key and ca.crt, for localhost, 127.0.0.1 and each --host. They are signed by the
                 cluster's own authority and last a year. The folder is where controller-runtime looks for them.
                 With --point, the webhooks of that ValidatingWebhookConfiguration, MutatingWebhookConfiguration or
                 CustomResourceDefinition are called at https://127.0.0.1:PORT, with the paths that they have.`,
  options: {
    name: nameOption,
    dir: {
      type: "string",
      value: "DIR",
      description: "folder to write to (default: where controller-runtime reads)",
    },
    host: {
      type: "string",
      value: "NAME",
      repeats: true,
      description: "a further name or address of the webhook",
    },
    point: {
      type: "string",
      value: "CONFIGURATION",
      repeats: true,
      description: "the webhook configuration or definition to point at this machine",
    },
    port: { type: "string", value: "PORT", default: defaultPort, description: "where the webhook listens" },
  },
  examples: [
    "sampan webhook cert",
    "sampan webhook cert --point validating-webhook-configuration --point ferries.example.com",
    "sampan webhook cert --dir ./certs --host webhook.local --port 8443",
  ],
  maxArguments: 1,
  async run(options, [action = ""], io) {
    if (action !== "cert") {
      throw new CommandError(action === "" ? "webhook needs an action" : `there is no action "${action}"`, {
        remedy: "for example: sampan webhook cert",
        exitCode: usageExitCode,
      });
    }
    const instance = requireInstance(text(options, "name"));
    const port = portOf(options);
    const configurations = list(options, "point");
    if (configurations.length > 0 && runningServer(instance) === undefined)
      throw new CommandError(`cluster "${instance.name}" does not run`, {
        remedy: `start it first: sampan up --name ${instance.name}`,
      });
    const hosts = ["localhost", "127.0.0.1", ...list(options, "host").map(checkedHost)];
    const given = text(options, "dir");
    const folder = given === "" ? join(tmpdir(), "k8s-webhook-server", "serving-certs") : resolve(given);
    const authority = authorityOf(instance);
    writeCertificate(folder, authority, hosts);
    io.out(`Certificate for ${hosts.join(", ")} in ${folder} (tls.crt, tls.key, ca.crt).\n`);
    const caBundle = Buffer.from(authority.certificate).toString("base64");
    const base = `https://127.0.0.1:${port}`;
    if (configurations.length === 0) {
      io.out(
        `Name it in your webhook configuration:\n  clientConfig:\n    url: ${base}/PATH\n    caBundle: ${caBundle}\n`,
      );
      return 0;
    }
    const { connect } = await import("./connect.ts");
    const { pointWebhooks } = await import("./point-webhooks.ts");
    const { client, close } = await connect(instance);
    try {
      for (const name of configurations)
        for (const url of await pointWebhooks(client, name, { base, caBundle }))
          io.out(`${name} calls ${url}\n`);
    } finally {
      close();
    }
    return 0;
  },
};

const list = (options: OptionValues, name: string): string[] =>
  text(options, name)
    .split(",")
    .filter((each) => each !== "");

/** A name that nobody can be asked by would stand in a certificate that nobody can use. */
function checkedHost(host: string): string {
  if (
    isIP(host) !== 0 ||
    wildcardDns1123SubdomainErrors(host).length === 0 ||
    dns1123SubdomainErrors(host).length === 0
  )
    return host;
  throw new CommandError(`${JSON.stringify(host)} is no host name and no address`, {
    remedy: "for example: --host webhook.local",
    exitCode: usageExitCode,
  });
}

function portOf(options: OptionValues): number {
  const port = Number(text(options, "port"));
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new CommandError(`"${text(options, "port")}" is no port`, {
    remedy: `for example: --port ${defaultPort}`,
    exitCode: usageExitCode,
  });
}

function authorityOf({ name, directory }: Instance): CertificateAuthority {
  const file = (suffix: string): string => join(directory, "pki", `ca.${suffix}`);
  if (!existsSync(file("key")))
    throw new CommandError(`cluster "${name}" has no authority yet`, {
      remedy: `it is made at the first start: sampan up --name ${name}`,
    });
  return CertificateAuthority.load({
    certificate: readFileSync(file("crt"), "utf8"),
    key: readFileSync(file("key"), "utf8"),
  });
}

function writeCertificate(folder: string, authority: CertificateAuthority, hosts: readonly string[]): void {
  const { certificate, key } = authority.issueServer(
    "webhook",
    {
      dnsNames: hosts.filter((host) => isIP(host) === 0),
      ipAddresses: hosts.filter((host) => isIP(host) !== 0),
    },
    new RealClock().now(),
  );
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The usual place lies where everybody may write: a folder that somebody else has prepared is not filled with a key.
    const { uid } = lstatSync(folder);
    if (uid !== process.getuid?.()) throw new Error("it belongs to another user");
    chmodSync(folder, 0o700);
    writeSecret(join(folder, "tls.key"), key);
    writeSecret(join(folder, "tls.crt"), certificate);
    writeSecret(join(folder, "ca.crt"), authority.certificate);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`the certificate was not written to ${folder}: ${why}`, {
      remedy: "name another folder: sampan webhook cert --dir DIR",
      cause,
    });
  }
}

/** A webhook that runs watches these files: it never sees one that is empty or half written. */
function writeSecret(file: string, content: string): void {
  const unfinished = `${file}.${process.pid}`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, content, { mode: 0o600, flag: "wx" });
  renameSync(unfinished, file);
}
