import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { sameAlternativeNames } from "./alternative-names.ts";
import { CertificateAuthority, type Credential } from "./authority.ts";
import { isSignedBy, parseCertificate } from "./certificate.ts";
import { generateKey, privateKeyFromPem, privateKeyToPem, publicKeyToDer, publicKeyToPem } from "./keys.ts";
import { certificatesOf } from "./pem.ts";
import { acceptedKeys, clientSubjects, type Pki, type PkiOptions, serverNames } from "./pki.ts";

/** A certificate is renewed at a start within this time of its end. */
const renewBeforeMs = 30 * 24 * 60 * 60 * 1000;

export interface OpenedPki {
  readonly pki: Pki;
  /** Resolves once everything new is on disk: nobody may be shown a certificate before that. */
  readonly saved: Promise<void>;
}

/** As `openPki`, for those who have nothing to do until all is on disk. */
export async function loadOrCreatePki(directory: string, options: PkiOptions): Promise<Pki> {
  const { pki, saved } = openPki(directory, options);
  await saved;
  return pki;
}

/**
 * The PKI kept in a directory, in kubeadm's file names: what is there and still good is used, what is missing, about to
 * end, or no longer fits the server's names is made anew. Files have mode 0600, the directory 0700. Throws when a key is
 * there but cannot be read: a lost authority is never replaced silently.
 */
export function openPki(directory: string, options: PkiOptions): OpenedPki {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const files = new PkiFiles(directory, options.clock.now());
  const names = serverNames(options);

  const authority = files.authority("ca", "kubernetes");
  const frontProxyAuthority = files.authority("front-proxy-ca", "front-proxy-ca");
  const serviceAccountKey = files.signingKey("sa");
  const server = files.leaf("apiserver", authority, {
    issue: (nowMs) => authority.issueServer("kube-apiserver", names, nowMs),
    fits: (certificate) => sameAlternativeNames(certificate.alternativeNames, names),
  });
  const client = (file: string, issuer: CertificateAuthority, who: keyof typeof clientSubjects): Credential =>
    files.leaf(file, issuer, { issue: (nowMs) => issuer.issueClient(clientSubjects[who], nowMs) });
  const pki: Pki = {
    authority,
    server,
    admin: client("admin", authority, "admin"),
    kubeletClient: client("apiserver-kubelet-client", authority, "kubeletClient"),
    frontProxyAuthority,
    frontProxyClient: client("front-proxy-client", frontProxyAuthority, "frontProxyClient"),
    serviceAccountKey,
    serviceAccountKeys: acceptedKeys(serviceAccountKey),
  };
  const saved = files.save();
  // Whoever waits for it hears of a failure.
  saved.catch(() => undefined);
  return { pki, saved };
}

interface LeafRules {
  issue(nowMs: number): Credential;
  fits?(certificate: ReturnType<typeof parseCertificate>): boolean;
}

/** Reads files as they are needed and collects what is to be written, so that it goes to disk in one sweep. */
class PkiFiles {
  readonly #directory: string;
  readonly #nowMs: number;
  readonly #changed = new Map<string, string>();

  constructor(directory: string, nowMs: number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  /** A certificate that is missing or ending is made anew from the key, so that what the key has signed stays valid. */
  authority(file: string, commonName: string): CertificateAuthority {
    const key = this.#read(`${file}.key`);
    const certificate = this.#read(`${file}.crt`);
    if (key === undefined && certificate !== undefined) {
      throw new Error(`${this.#path(`${file}.key`)} is missing, although ${file}.crt is there`);
    }
    if (key !== undefined && certificate !== undefined) {
      const loaded = CertificateAuthority.load({ certificate, key });
      if (loaded.parsed.notAfterMs - this.#nowMs > renewBeforeMs) return loaded;
    }
    const created = CertificateAuthority.create(
      commonName,
      this.#nowMs,
      key === undefined ? generateKey() : privateKeyFromPem(key),
    );
    this.#changed.set(`${file}.key`, created.key);
    this.#changed.set(`${file}.crt`, created.certificate);
    return created;
  }

  signingKey(file: string): ReturnType<typeof generateKey> {
    const pem = this.#read(`${file}.key`);
    if (pem !== undefined) return privateKeyFromPem(pem);
    const key = generateKey();
    this.#changed.set(`${file}.key`, privateKeyToPem(key));
    this.#changed.set(`${file}.pub`, publicKeyToPem(key));
    return key;
  }

  leaf(file: string, issuer: CertificateAuthority, rules: LeafRules): Credential {
    const kept = this.#good(file, issuer, rules);
    if (kept !== undefined) return kept;
    const issued = rules.issue(this.#nowMs);
    this.#changed.set(`${file}.key`, issued.key);
    this.#changed.set(`${file}.crt`, issued.certificate);
    return issued;
  }

  /** A crash may have left a new key beside an old certificate; whatever does not fit together is not good. */
  #good(file: string, issuer: CertificateAuthority, rules: LeafRules): Credential | undefined {
    const certificate = this.#read(`${file}.crt`);
    const key = this.#read(`${file}.key`);
    if (certificate === undefined || key === undefined) return undefined;
    try {
      const parsed = parseCertificate(certificatesOf(certificate)[0] ?? Buffer.alloc(0));
      const good =
        parsed.notBeforeMs <= this.#nowMs &&
        parsed.notAfterMs - this.#nowMs > renewBeforeMs &&
        isSignedBy(parsed, issuer.parsed) &&
        parsed.publicKey.equals(publicKeyToDer(privateKeyFromPem(key))) &&
        (rules.fits?.(parsed) ?? true);
      return good ? { certificate, key } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Writes what changed, all files at once: they share the disk's flush. */
  async save(): Promise<void> {
    if (this.#changed.size === 0) return;
    await Promise.all([...this.#changed].map(([file, text]) => writeDurably(this.#path(file), text)));
    const directory = openSync(this.#directory, "r");
    try {
      await sync(directory);
    } finally {
      closeSync(directory);
    }
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }

  #read(file: string): string | undefined {
    try {
      const text = readFileSync(this.#path(file), "utf8");
      // An empty file is what a power cut leaves of one that was never synced.
      return text.trim() === "" ? undefined : text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}

const sync = promisify(fsync);

/** Only the disk is waited for: all else is done in memory at once, which is cheaper than to be told of its end. */
async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    fchmodSync(file, 0o600);
    writeFileSync(file, text);
    await sync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
