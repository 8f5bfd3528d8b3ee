import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { CertificateAuthority } from "./authority.ts";
import type { Certificate } from "./certificate.ts";
import { createPki, type Pki } from "./pki.ts";
import { loadOrCreatePki, openPki } from "./pki-directory.ts";
import { renewalMs, withoutEndMs } from "./renewable.ts";

const dayMs = 24 * 3_600_000;
const startMs = Date.UTC(2026, 0, 1);
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sampan-pki-"));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Valid from and to, as openssl shows it. */
function validity({ certificate }: { readonly certificate: string }): { fromMs: number; toMs: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) };
}

describe("renewalMs()", () => {
  it.each([
    { life: 365, isAuthority: false, before: 30 },
    { life: 100, isAuthority: false, before: 10 },
    { life: 1, isAuthority: false, before: 0.1 },
    { life: 3650, isAuthority: true, before: 365 },
    { life: 30, isAuthority: true, before: 3 },
  ])("of $life days of life (authority: $isAuthority) are left $before", ({ life, isAuthority, before }) => {
    const times = { notBeforeMs: startMs, notAfterMs: startMs + life * dayMs, isAuthority };
    expect(renewalMs(times as Certificate)).toBe(startMs + (life - before) * dayMs);
  });

  it("never comes for a certificate without end", () => {
    const endless = { notBeforeMs: 0, notAfterMs: withoutEndMs, isAuthority: true };
    expect(renewalMs(endless as Certificate)).toBe(Number.POSITIVE_INFINITY);
  });
});

/** What is made when it is first asked for. */
const makeAll = (pki: Pki): unknown => ({ ...pki });

describe.each(["in memory", "in a folder"] as const)("a PKI %s", (where) => {
  async function newPki(clock: VirtualClock): Promise<Pki> {
    if (where === "in a folder") return await loadOrCreatePki(newFolder(), { clock });
    const pki = createPki({ clock });
    makeAll(pki);
    return pki;
  }

  it("has nothing to renew before 30 days before the end, and then everything but the authorities", async () => {
    const clock = new VirtualClock(startMs);
    const pki = await newPki(clock);
    expect(Math.round(pki.dueInMs / dayMs)).toBe(335);
    await clock.advance(334 * dayMs);
    expect(await pki.renew()).toEqual([]);
    const before = { server: pki.server, admin: pki.admin, authority: pki.authority };
    await clock.advance(2 * dayMs);
    expect(pki.dueInMs).toBe(0);
    expect(await pki.renew()).toEqual([
      "apiserver",
      "admin",
      "apiserver-kubelet-client",
      "front-proxy-client",
    ]);
    expect(pki.authority).toBe(before.authority);
    for (const name of ["server", "admin", "kubeletClient", "frontProxyClient"] as const) {
      expect(validity(pki[name])).toEqual({
        fromMs: clock.now() - 300_000,
        toMs: clock.now() + 365 * dayMs,
      });
    }
    const authorityKey = new X509Certificate(pki.authority.certificate).publicKey;
    for (const { certificate } of [before.admin, pki.admin]) {
      expect(new X509Certificate(certificate).verify(authorityKey)).toBe(true);
    }
    expect(new X509Certificate(pki.server.certificate).subjectAltName).toBe(
      new X509Certificate(before.server.certificate).subjectAltName,
    );
    expect(Math.round(pki.dueInMs / dayMs)).toBe(335);
    expect(await pki.renew()).toEqual([]);
  });

  it("renews an authority a year before its end, under its name and with its key, so that it cuts nothing short", async () => {
    const clock = new VirtualClock(startMs);
    const pki = await newPki(clock);
    const { authority, admin } = pki;
    await clock.advance(3286 * dayMs);
    expect(await pki.renew()).toEqual([
      "ca",
      "front-proxy-ca",
      "apiserver",
      "admin",
      "apiserver-kubelet-client",
      "front-proxy-client",
    ]);
    const [old, renewed] = [authority, pki.authority].map(
      ({ certificate }) => new X509Certificate(certificate),
    );
    expect(renewed?.subject).toBe(old?.subject);
    expect(renewed?.publicKey.equals(old?.publicKey ?? renewed.publicKey)).toBe(true);
    expect(validity(pki.authority).toMs).toBe(clock.now() + 3650 * dayMs);
    expect(validity(pki.admin).toMs).toBe(clock.now() + 365 * dayMs);
    // What the old one signed is good under the new one, and the other way round.
    for (const certificate of [admin.certificate, pki.admin.certificate]) {
      for (const issuer of [old, renewed]) {
        expect(issuer !== undefined && new X509Certificate(certificate).checkIssued(issuer)).toBe(true);
      }
    }
  });
});

describe("a PKI in memory", () => {
  it("makes nothing only because it would be due, and says when something was made", async () => {
    const clock = new VirtualClock(startMs);
    const pki = createPki({ clock });
    const heard: number[] = [];
    const forget = pki.onMade(() => heard.push(pki.dueInMs));
    expect(pki.dueInMs).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(5000 * dayMs);
    expect(await pki.renew()).toEqual([]);
    void pki.admin;
    // The authority was made first.
    expect(heard.map((ms) => Math.round(ms / dayMs))).toEqual([3285, 335]);
    forget();
    void pki.server;
    expect(heard).toHaveLength(2);
  });

  it.each([
    ["long ago", Date.UTC(1960, 5, 1)],
    ["in the past", Date.UTC(2001, 0, 1)],
    ["in the future", Date.UTC(2150, 0, 1)],
  ])("whose time is %s shows what is good by its own time and outside", (_, nowMs) => {
    const clock = new VirtualClock(nowMs);
    const outsideClock = new VirtualClock(startMs);
    const pki = createPki({ clock, outsideClock });
    for (const name of ["server", "frontProxyClient", "kubeletClient"] as const) {
      const { fromMs, toMs } = validity(pki[name]);
      expect(fromMs).toBe(Math.min(nowMs, startMs) - 300_000);
      expect(toMs).toBe(Math.max(nowMs, startMs) + 365 * dayMs);
    }
    for (const name of ["authority", "frontProxyAuthority"] as const) {
      expect(new X509Certificate(pki[name].certificate).validTo).toBe("Dec 31 23:59:59 9999 GMT");
      expect(validity(pki[name]).fromMs).toBeLessThanOrEqual(Math.min(0, nowMs));
    }
    // The cluster alone judges its clients.
    expect(validity(pki.admin)).toEqual({ fromMs: nowMs - 300_000, toMs: nowMs + 365 * dayMs });
    expect(pki.dueInMs).toBeGreaterThan(0);
  });

  it("renews an authority that it was given, when that is due", async () => {
    const clock = new VirtualClock(startMs + 3640 * dayMs);
    const kept = CertificateAuthority.create("kubernetes", startMs);
    const { certificate, key } = kept;
    const other = createPki({ clock });
    const pki = createPki({
      clock,
      outsideClock: clock,
      material: {
        authority: { certificate, key },
        frontProxyAuthority: {
          certificate: other.frontProxyAuthority.certificate,
          key: other.frontProxyAuthority.key,
        },
        serviceAccountKey: other.serviceAccountKey.export({ type: "pkcs8", format: "pem" }).toString(),
      },
    });
    expect(pki.authority.certificate).toBe(certificate);
    expect(await pki.renew()).toEqual(["ca"]);
    expect(pki.authority.key).toBe(key);
    expect(new X509Certificate(pki.authority.certificate).validTo).toBe("Dec 31 23:59:59 9999 GMT");
    expect(pki.dueInMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("openPki()", () => {
  const fileOf = (folder: string, name: string): string => readFileSync(join(folder, name), "utf8");

  it("tells what it made: all, nothing, or what was due when the server stood still", async () => {
    const folder = newFolder();
    const open = async (days: number): Promise<readonly string[]> => {
      const { made, saved } = openPki(folder, { clock: new VirtualClock(startMs + days * dayMs) });
      await saved;
      return made;
    };
    expect(await open(0)).toHaveLength(6);
    expect(await open(300)).toEqual([]);
    expect(await open(400)).toEqual(["apiserver", "admin", "apiserver-kubelet-client", "front-proxy-client"]);
    expect(await open(700)).toEqual([]);
  });

  it("keeps what is renewed: a start finds it, whenever it comes", async () => {
    const folder = newFolder();
    const clock = new VirtualClock(startMs);
    await openPki(folder, { clock }).saved;
    await clock.advance(200 * dayMs);
    // A restart does not begin the year anew.
    const { pki } = openPki(folder, { clock });
    expect(Math.round(pki.dueInMs / dayMs)).toBe(135);
    await clock.advance(136 * dayMs);
    expect(await pki.renew()).toContain("admin");
    expect(fileOf(folder, "admin.crt")).toBe(pki.admin.certificate);
    expect(fileOf(folder, "apiserver.key")).toBe(pki.server.key);
    for (const file of ["admin.key", "admin.crt", "apiserver.key"]) {
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    }
    const { pki: after, made } = openPki(folder, { clock });
    expect(made).toEqual([]);
    expect([after.admin, after.server]).toEqual([pki.admin, pki.server]);
  });

  it("goes on with what could not be kept", async () => {
    const folder = newFolder();
    const clock = new VirtualClock(startMs);
    const { pki, saved } = openPki(folder, { clock });
    await saved;
    await clock.advance(340 * dayMs);
    renameSync(folder, `${folder}-gone`);
    await expect(pki.renew()).rejects.toThrow("ENOENT");
    expect(pki.dueInMs).toBe(0);
    renameSync(`${folder}-gone`, folder);
    expect(await pki.renew()).toContain("admin");
    expect(fileOf(folder, "admin.crt")).toBe(pki.admin.certificate);
    expect(pki.dueInMs).toBeGreaterThan(0);
    expect(await pki.renew()).toEqual([]);
  });
});
