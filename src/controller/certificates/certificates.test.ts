import { createPrivateKey } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SubjectAccessReview } from "../../api/types/authorization-v1.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { resources } from "../../client/resources.ts";
import { certificatesOf, createPki, createSigningRequest, parseCertificate } from "../../pki/index.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { certificateControllers } from "./index.ts";

const pki = createPki({ clock: new VirtualClock() });
const nodePem = createSigningRequest(createPrivateKey(pki.server.key), {
  commonName: "system:node:n1",
  organizations: ["system:nodes"],
});

/** `create` on which subresource whoever asks is allowed. */
let allowed: string[];
let run: ControllerRun;
beforeEach(() => {
  allowed = [];
  run = runControllers(certificateControllers(() => pki.authority));
  const serve = run.transport.request.bind(run.transport);
  run.transport.request = async (call) => {
    if (!call.path.endsWith("/subjectaccessreviews")) return await serve(call);
    const { spec } = call.body as SubjectAccessReview;
    const status = { allowed: allowed.includes(spec.resourceAttributes?.subresource ?? "") };
    return { status: 201, body: { ...(call.body as SubjectAccessReview), status }, warnings: [] };
  };
});
afterEach(async () => run.stop());

const request = (
  spec: Partial<CertificateSigningRequest["spec"]> = {},
  status?: CertificateSigningRequest["status"],
): CertificateSigningRequest => ({
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  metadata: { name: "csr" },
  spec: {
    request: Buffer.from(nodePem).toString("base64"),
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    usages: ["digital signature", "client auth"],
    username: "system:bootstrap:abcdef",
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
});
const approved = { type: "Approved", status: "True", lastUpdateTime: "2026-01-01T00:00:00Z" };
const stored = () => run.transport.get(resources.certificatesigningrequests, "csr");
const types = (): (string | undefined)[] => (stored()?.status?.conditions ?? []).map(({ type }) => type);

describe("a signing request", () => {
  it.each([
    [
      "nodeclient",
      "system:bootstrap:abcdef",
      "Auto approving kubelet client certificate after SubjectAccessReview.",
    ],
    [
      "selfnodeclient",
      "system:node:n1",
      "Auto approving self kubelet client certificate after SubjectAccessReview.",
    ],
  ])("of a kubelet is approved with %s, and signed", async (subresource, username, message) => {
    allowed = [subresource];
    run.transport.seed(request({ username }));
    await run.settle();
    expect(stored()?.status?.conditions).toMatchObject([
      { type: "Approved", status: "True", reason: "AutoApproved", message },
    ]);
    const [der] = certificatesOf(Buffer.from(stored()?.status?.certificate ?? "", "base64").toString());
    expect(der === undefined ? undefined : parseCertificate(der).subject).toMatchObject({
      commonName: "system:node:n1",
      organizations: ["system:nodes"],
    });
  });

  it.each<[string, string[], Partial<CertificateSigningRequest["spec"]>]>([
    ["of whoever may not", [], {}],
    ["for another node than oneself", ["selfnodeclient"], { username: "system:node:n2" }],
    ["to another signer", ["nodeclient"], { signerName: "kubernetes.io/kube-apiserver-client" }],
    ["for other usages", ["nodeclient"], { usages: ["digital signature", "server auth"] }],
    ["that is no request", ["nodeclient"], { request: "eA==" }],
  ])("%s waits for somebody to decide", async (_, may, spec) => {
    allowed = may;
    run.transport.seed(request(spec));
    await run.settle();
    expect(types()).toEqual([]);
  });

  it("that somebody approved is signed", async () => {
    run.transport.seed(
      request(
        { signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] },
        { conditions: [approved] },
      ),
    );
    await run.settle();
    expect(stored()?.status?.certificate).toBeDefined();
  });

  it("that its signer never signs fails, and says why", async () => {
    run.transport.seed(request({ usages: ["server auth"] }, { conditions: [approved] }));
    await run.settle();
    expect(stored()?.status?.conditions?.[1]).toMatchObject({
      type: "Failed",
      status: "True",
      reason: "SignerValidationFailure",
      message: "usages did not match [digital signature client auth]",
    });
    expect(stored()?.status?.certificate).toBeUndefined();
  });

  it.each([
    ["denied as well", { conditions: [approved, { type: "Denied", status: "True" }] }, {}],
    ["to a signer of others", { conditions: [approved] }, { signerName: "example.com/signer" }],
  ])("that is %s is not signed", async (_, status, spec) => {
    run.transport.seed(request(spec, status));
    await run.settle();
    expect(stored()?.status?.certificate).toBeUndefined();
  });

  it.each<[string, number, CertificateSigningRequest["status"], object]>([
    ["undecided", 24, undefined, {}],
    ["denied", 1, { conditions: [{ ...approved, type: "Denied" }] }, {}],
    ["failed", 1, { conditions: [{ ...approved, type: "Failed" }] }, {}],
    ["issued", 1, { conditions: [approved] }, {}],
  ])("that is %s is deleted after %d h", async (_, hours, status, spec) => {
    run.transport.seed(request(spec, status));
    await run.settle((hours * 60 - 1) * 60_000);
    expect(stored()).toBeDefined();
    await run.settle(120_000);
    expect(stored()).toBeUndefined();
  });
});
