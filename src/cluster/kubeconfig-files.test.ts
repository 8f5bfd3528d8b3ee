import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { loadKubeconfig, resolveContext, writeContext } from "../client/kubeconfig.ts";
import { createPki, type Pki } from "../pki/index.ts";
import { noteKubeconfig, renewNotedKubeconfigs } from "./kubeconfig-files.ts";

let folder: string;
let pki: Pki;
let clock: VirtualClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-noted-"));
  clock = new VirtualClock();
  pki = createPki({ clock });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function kubeconfig(name: string, { authority, admin } = pki): string {
  const path = join(folder, name);
  const { certificate: clientCertificate, key: clientKey } = admin;
  const ca = authority.certificate;
  writeContext(path, { name: "sampan", server: "https://127.0.0.1:6443", ca, clientCertificate, clientKey });
  return path;
}

const shownBy = (path: string): unknown => resolveContext(loadKubeconfig([path])).transport.clientCertificate;

async function renew(): Promise<void> {
  await clock.advance(340 * 24 * 3_600_000);
  await pki.renew();
}

it("what was noted gets the administrator's new certificate, again and again", async () => {
  const [one, two, unnoted] = [kubeconfig("one"), kubeconfig("two"), kubeconfig("unnoted")];
  for (const path of [one, two, one]) noteKubeconfig(folder, path);
  const { certificate: first } = pki.admin;
  for (let time = 0; time < 2; time++) {
    await renew();
    renewNotedKubeconfigs(folder, pki);
    expect([shownBy(one), shownBy(two)]).toEqual([pki.admin.certificate, pki.admin.certificate]);
  }
  expect(shownBy(unnoted)).toBe(first);
});

it("what is another cluster's by now, or another user's, stays", async () => {
  const other = createPki({ clock });
  const path = kubeconfig("other", other);
  const jane = pki.authority.issueClient({ commonName: "jane", organizations: [] }, clock.now());
  const janes = kubeconfig("jane", { ...pki, admin: jane });
  noteKubeconfig(folder, path);
  noteKubeconfig(folder, janes);
  await renew();
  renewNotedKubeconfigs(folder, pki);
  expect([shownBy(path), shownBy(janes)]).toEqual([other.admin.certificate, jane.certificate]);
});

it("a file that is gone is forgotten, one that cannot be read keeps no other from being renewed", async () => {
  noteKubeconfig(folder, kubeconfig("gone"));
  mkdirSync(join(folder, "damaged"));
  noteKubeconfig(folder, join(folder, "damaged"));
  const good = kubeconfig("good");
  noteKubeconfig(folder, good);
  rmSync(join(folder, "gone"));
  await renew();
  expect(() => renewNotedKubeconfigs(folder, pki)).toThrow("damaged");
  expect(shownBy(good)).toBe(pki.admin.certificate);
});

it("notes that are torn are no error, and are begun anew", async () => {
  writeFileSync(join(folder, "kubeconfigs.json"), '["/a');
  renewNotedKubeconfigs(folder, pki);
  const path = kubeconfig("one");
  noteKubeconfig(folder, path);
  await renew();
  renewNotedKubeconfigs(folder, pki);
  expect(shownBy(path)).toBe(pki.admin.certificate);
});
