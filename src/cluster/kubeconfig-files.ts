import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { renewCredentials } from "../client/kubeconfig.ts";
import { type Certificate, certificatesOf, isSignedBy, type Pki, parseCertificate } from "../pki/index.ts";
import { writePrivate } from "./instance.ts";
import { notedKubeconfigsFile } from "./names.ts";

/** Remembers a file of the user's that the cluster's context was written into. */
export function noteKubeconfig(directory: string, file: string): void {
  const noted = notedKubeconfigs(directory);
  const path = resolve(file);
  if (noted.includes(path)) return;
  // Suites have a file of their own for each run: those that are gone are forgotten.
  const there = noted.filter((other) => existsSync(other));
  writePrivate(notedKubeconfigsFile(directory), `${JSON.stringify([...there, path])}\n`);
}

function notedKubeconfigs(directory: string): string[] {
  const file = notedKubeconfigsFile(directory);
  if (!existsSync(file)) return [];
  try {
    const noted: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(noted) ? noted.filter((path) => typeof path === "string") : [];
  } catch {
    // Torn or foreign: the next `up` notes its file anew.
    return [];
  }
}

/**
 * Puts the administrator's present certificate, and the authority's, in place of older ones in all files that were noted.
 * A file that is gone is no error. Throws what was wrong with the others, when all have been seen to.
 */
export function renewNotedKubeconfigs(directory: string, { authority, admin }: Pki): void {
  const own = read(admin.certificate);
  const failures: unknown[] = [];
  for (const path of notedKubeconfigs(directory)) {
    try {
      renewCredentials(path, {
        ca: authority.certificate,
        clientCertificate: admin.certificate,
        clientKey: admin.key,
        replacesCa: (pem) => read(pem)?.publicKey.equals(authority.parsed.publicKey) === true,
        replacesClient: (pem) => {
          const old = read(pem);
          if (old === undefined || own === undefined) return false;
          return isSignedBy(old, authority.parsed) && old.subjectDer.equals(own.subjectDer);
        },
      });
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}

/** Undefined for what is no certificate. */
function read(pem: string): Certificate | undefined {
  try {
    const [der] = certificatesOf(pem);
    return der === undefined ? undefined : parseCertificate(der);
  } catch {
    return undefined;
  }
}
