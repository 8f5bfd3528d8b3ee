import { RealClock } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { CertificateAuthority } from "../../pki/index.ts";
import { type Manifests, objectsOf } from "./manifest-objects.ts";

/** What a webhook shows, and by what it is known. */
export interface WebhookCertificate {
  /** PEM, of the webhook's server: `createServer({ cert, key })`. */
  readonly cert: string;
  readonly key: string;
  /** Of its authority, PEM in base64, as webhook configurations have it. */
  readonly caBundle: string;
}

/** A certificate for a webhook that a test serves itself, for `localhost` and `127.0.0.1`. */
export function newWebhookCertificate(): WebhookCertificate {
  // Who asks the webhook looks at the machine's time, whatever the time in the cluster.
  const nowMs = new RealClock().now();
  const authority = CertificateAuthority.create("webhooks", nowMs);
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
  const { certificate: cert, key } = authority.issueServer("localhost", names, nowMs);
  return { cert, key, caBundle: Buffer.from(authority.certificate).toString("base64") };
}

/** Where webhooks are to be asked. */
export interface WebhookTarget {
  /** For example `https://127.0.0.1:9443`; the path that a webhook has at its Service is appended. */
  readonly url: string;
  readonly caBundle: string;
}

/**
 * The manifests, with the webhooks of the configurations among them at the target instead of at a Service: as they are
 * deployed, but asked where the test serves them.
 */
export function pointWebhooks(manifests: Manifests, target: WebhookTarget): UnstructuredObject[] {
  return objectsOf(manifests).map((object) =>
    Array.isArray(object["webhooks"])
      ? { ...object, webhooks: object["webhooks"].map((webhook: unknown) => pointed(webhook, target)) }
      : object,
  );
}

function pointed(webhook: unknown, { url, caBundle }: WebhookTarget): unknown {
  if (!isObject(webhook)) return webhook;
  const config = isObject(webhook["clientConfig"]) ? webhook["clientConfig"] : {};
  const service = isObject(config["service"]) ? config["service"] : {};
  const path = typeof service["path"] === "string" ? service["path"] : "";
  return { ...webhook, clientConfig: { url: `${url}${path}`, caBundle } };
}
