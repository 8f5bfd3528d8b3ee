import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { resources } from "../client/resources.ts";
import { createPki, type Pki } from "../pki/index.ts";
import { CertificateRotation } from "./certificate-rotation.ts";
import { Cluster } from "./cluster.ts";

const dayMs = 24 * 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

function newRotation({ fails = () => false }: { readonly fails?: () => boolean } = {}) {
  const clock = new VirtualClock(startMs);
  const pki = createPki({ clock });
  const stop = new AbortController();
  const shown: { readonly day: number; readonly names: readonly string[] }[] = [];
  const rotation = new CertificateRotation({
    pki,
    clock,
    logger: silentLogger,
    signal: stop.signal,
    onRenewed: (names) => {
      if (fails()) throw new Error("locked");
      shown.push({ day: (clock.now() - startMs) / dayMs, names });
    },
  });
  return { clock, pki, stop, shown, rotation };
}

describe("CertificateRotation", () => {
  it("sets no timer as long as nothing was made, after it has looked once", async () => {
    const { clock, rotation } = newRotation();
    rotation.start();
    await clock.advance(60_000);
    expect(clock.nextTimerMs).toBeUndefined();
  });

  it("finds what was made before it began", async () => {
    const { clock, pki, shown, rotation } = newRotation();
    void pki.admin;
    rotation.start();
    await clock.leap(336 * dayMs);
    expect(shown).toEqual([{ day: 336, names: ["admin"] }]);
  });

  it("renews what was made meanwhile, each when it is due", async () => {
    const { clock, pki, shown, rotation } = newRotation();
    rotation.start();
    const { admin } = pki;
    await clock.advance(100 * dayMs);
    const { server } = pki;
    await clock.advance(235 * dayMs + 1);
    expect(shown.map(({ names }) => names)).toEqual([["admin"]]);
    expect(pki.admin).not.toBe(admin);
    expect(pki.server).toBe(server);
    await clock.advance(101 * dayMs);
    expect(shown.map(({ day, names }) => [Math.round(day), names])).toEqual([
      [335, ["admin"]],
      [435, ["apiserver"]],
    ]);
  });

  it("goes on for years: nothing that it shows is ever older than its end", async () => {
    const { clock, pki, shown, rotation } = newRotation();
    rotation.start();
    void pki.server;
    for (let year = 1; year <= 12; year++) {
      await clock.advance(365 * dayMs);
      for (const { certificate } of [pki.authority, pki.server]) {
        expect(Date.parse(new X509Certificate(certificate).validTo)).toBeGreaterThan(
          clock.now() + 29 * dayMs,
        );
      }
    }
    expect(shown.filter(({ names }) => names.includes("ca"))).toHaveLength(1);
  });

  it("renews at once what fell due while the machine was asleep", async () => {
    const { clock, pki, shown, rotation } = newRotation();
    rotation.start();
    void pki.admin;
    await clock.leap(400 * dayMs);
    expect(shown).toEqual([{ day: 400, names: ["admin"] }]);
  });

  it("tries again, an hour later, to show what could not be shown", async () => {
    let failures = 2;
    const { clock, pki, shown, rotation } = newRotation({ fails: () => failures-- > 0 });
    rotation.start();
    void pki.admin;
    await clock.leap(400 * dayMs);
    await clock.advance(2 * 3_600_000 - 1);
    expect(shown).toEqual([]);
    await clock.advance(1);
    expect(shown.map(({ names }) => names)).toEqual([["admin"]]);
  });

  it("ends with its signal: no timer is left, none is set", async () => {
    const { clock, pki, stop, shown, rotation } = newRotation();
    rotation.start();
    void pki.admin;
    expect(clock.nextTimerMs).toBeDefined();
    stop.abort();
    expect(clock.nextTimerMs).toBeUndefined();
    void pki.server;
    expect(clock.nextTimerMs).toBeUndefined();
    await clock.leap(400 * dayMs);
    await rotation.renewDue();
    expect(shown).toEqual([]);
  });
});

describe("a cluster whose authority ends", { timeout: 120_000 }, () => {
  const authorityOf = async (cluster: Cluster): Promise<string | undefined> =>
    (await cluster.client().resource(resources.configmaps).get("kube-root-ca.crt", { namespace: "default" }))
      .data?.["ca.crt"];
  const trusted = async (cluster: Cluster): Promise<Record<string, string> | undefined> =>
    (
      await cluster
        .client()
        .resource(resources.configmaps)
        .get("extension-apiserver-authentication", { namespace: "kube-system" })
    ).data;

  it("publishes the renewed one, beside the old one where both are to be believed", async () => {
    const clock = new VirtualClock(startMs);
    const pki: Pki = createPki({ clock });
    const cluster = new Cluster({ clock, pki, scheduler: false });
    try {
      await cluster.startApi();
      await cluster.bootstrap();
      await cluster.listen({ address: "127.0.0.1", port: 0, keepsProcess: false });
      await cluster.startControllers();
      await clock.settle();
      const before = { ca: pki.authority.certificate, proxy: pki.frontProxyAuthority.certificate };
      expect(await authorityOf(cluster)).toBe(before.ca);
      await clock.leap(3300 * dayMs);
      await clock.advance(60_000);
      const { authority, frontProxyAuthority } = pki;
      expect(authority.certificate).not.toBe(before.ca);
      expect(await authorityOf(cluster)).toBe(authority.certificate);
      const told = await trusted(cluster);
      for (const each of [before.ca, authority.certificate])
        expect(told?.["client-ca-file"]).toContain(each.trim());
      for (const each of [before.proxy, frontProxyAuthority.certificate])
        expect(told?.["requestheader-client-ca-file"]).toContain(each.trim());
    } finally {
      await cluster.stop();
    }
  });
});
