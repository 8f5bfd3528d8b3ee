import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import type { ClusterTrustBundle, PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import { forbidden } from "../../apimachinery/field-error.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { newInvalid, newNotFound } from "../../apimachinery/status.ts";
import { parseSigningRequest } from "../../pki/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf, oldObjectOf, refuse } from "./attributes.ts";
import { onlyCollectionFieldsDiffer } from "./rbac-escalation.ts";

const group = "certificates.k8s.io";
const resource = "certificatesigningrequests";
const ofPods = "podcertificaterequests";

/** May the user do this for the signer? The right may be given for one signer or for all of its domain (`domain/*`). */
async function isAuthorizedForSigner(
  authorizer: Authorizer,
  { user }: AdmissionAttributes,
  verb: string,
  signerName: string,
): Promise<boolean> {
  const domain = signerName.split("/")[0] ?? "";
  for (const name of [signerName, `${domain}/*`]) {
    const { decision } = await authorizer.authorize({
      user,
      verb,
      isResourceRequest: true,
      namespace: "",
      group,
      version: "*",
      resource: "signers",
      subresource: "",
      name,
      path: "",
    });
    if (decision === "allow") return true;
  }
  return false;
}

/** Approving needs the verb `approve` for the signer. */
export class CertificateApproval implements AdmissionPlugin {
  readonly name = "CertificateApproval";
  readonly #authorizer: Authorizer;
  readonly #reader: ObjectReader;

  constructor(authorizer: Authorizer, reader: ObjectReader) {
    this.#authorizer = authorizer;
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "UPDATE" && concerns(attributes, group, resource, "approval");
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    // What is stored counts: the request might try to change the signer on the way.
    const stored =
      oldObjectOf<CertificateSigningRequest>(attributes) ??
      this.#reader.get<CertificateSigningRequest>({ group, resource }, "", attributes.name);
    if (stored === undefined) throw newNotFound({ group, resource }, attributes.name);
    const signer = stored.spec.signerName;
    if (await isAuthorizedForSigner(this.#authorizer, attributes, "approve", signer)) return;
    throw refuse(
      attributes,
      `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
    );
  }
}

/** Writing a certificate, or a failure, needs the verb `sign` for the signer. */
export class CertificateSigning implements AdmissionPlugin {
  readonly name = "CertificateSigning";
  readonly #authorizer: Authorizer;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return (
      attributes.operation === "UPDATE" &&
      (concerns(attributes, group, resource, "status") || concerns(attributes, group, ofPods, "status"))
    );
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    if (attributes.resource.resource === ofPods) {
      await this.#checkPodCertificate(attributes);
      return;
    }
    const old = oldObjectOf<CertificateSigningRequest>(attributes);
    const request = objectOf<CertificateSigningRequest>(attributes);
    const unchanged =
      request?.status?.certificate === old?.status?.certificate &&
      deepEqual(request?.status?.conditions ?? [], old?.status?.conditions ?? []);
    if (unchanged) return;
    const signer = old?.spec.signerName ?? "";
    if (await isAuthorizedForSigner(this.#authorizer, attributes, "sign", signer)) return;
    throw refuse(attributes, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
  }

  /** A write of such a status is part of the object's own rules in Kubernetes, which is why it is told as a fault of it. */
  async #checkPodCertificate(attributes: AdmissionAttributes): Promise<void> {
    const old = oldObjectOf<PodCertificateRequest>(attributes);
    const request = objectOf<PodCertificateRequest>(attributes);
    if (deepEqual(request?.status ?? {}, old?.status ?? {})) return;
    const signer = old?.spec.signerName ?? "";
    if (await isAuthorizedForSigner(this.#authorizer, attributes, "sign", signer)) return;
    const user = JSON.stringify(attributes.user.name);
    const detail = `User ${user} is not permitted to "sign" for signer ${JSON.stringify(signer)}`;
    const errors = [forbidden("spec.signerName", detail)];
    throw newInvalid({ group, kind: "PodCertificateRequest" }, attributes.name, errors);
  }
}

/** Saying whom a signer's users may trust needs the verb `attest` for the signer. */
export class ClusterTrustBundleAttest implements AdmissionPlugin {
  readonly name = "ClusterTrustBundleAttest";
  readonly #authorizer: Authorizer;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  handles(attributes: AdmissionAttributes): boolean {
    const { operation } = attributes;
    return (
      (operation === "CREATE" || operation === "UPDATE") && concerns(attributes, group, "clustertrustbundles")
    );
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { object, oldObject } = attributes;
    // The new object counts: a signer's name never changes, which validation sees to.
    const signer = objectOf<ClusterTrustBundle>(attributes)?.spec.signerName ?? "";
    if (object === undefined || signer === "") return;
    if (oldObject !== undefined && onlyCollectionFieldsDiffer(object, oldObject)) return;
    if (await isAuthorizedForSigner(this.#authorizer, attributes, "attest", signer)) return;
    throw refuse(attributes, `user not permitted to attest for signerName ${JSON.stringify(signer)}`);
  }
}

const clientSigner = "kubernetes.io/kube-apiserver-client";

/** Nobody becomes system:masters by a signing request. */
export class CertificateSubjectRestriction implements AdmissionPlugin {
  readonly name = "CertificateSubjectRestriction";

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, group, resource);
  }

  validate(attributes: AdmissionAttributes): void {
    const spec = objectOf<CertificateSigningRequest>(attributes)?.spec;
    if (spec?.signerName !== clientSigner) return;
    if (!organizationsOf(attributes, spec.request).includes("system:masters")) return;
    throw refuse(attributes, `use of ${clientSigner} signer with system:masters group is not allowed`);
  }
}

function organizationsOf(attributes: AdmissionAttributes, request: string): readonly string[] {
  try {
    return parseSigningRequest(Buffer.from(request, "base64").toString()).subject.organizations;
  } catch (error) {
    throw refuse(
      attributes,
      `failed to parse CSR: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
