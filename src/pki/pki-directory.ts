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
import { type Certificate, isSignedBy, parseCertificate } from "./certificate.ts";
import { generateKey, privateKeyFromPem, privateKeyToPem, publicKeyToDer, publicKeyToPem } from "./keys.ts";
import { certificatesOf } from "./pem.ts";
import {
  assemblePki,
  type CertificateName,
  certificateNames,
  type Pki,
  type PkiOptions,
  serverNames,
} from "./pki.ts";
import { renewalMs } from "./renewable.ts";

export interface OpenedPki {
  readonly pki: Pki;
  /** Resolves once everything new is on disk: nobody may be shown a certificate before that. */
  readonly saved: Promise<void>;
  /** What was made, or made anew. */
  readonly made: readonly CertificateName[];
}

/** As `openPki`, for those who have nothing to do until all is on disk. */
export async function loadOrCreatePki(directory: string, options: PkiOptions): Promise<Pki> {
  const { pki, saved } = openPki(directory, options);
  await saved;
  return pki;
}

/**
 * The PKI kept in a directory, in kubeadm's file names: what is there and still good is used, what is missing, about to
 * end, or no longer fits the server's names is made anew, and so are the files of what is renewed later. Files have mode
 * 0600, the directory 0700. Throws when a key is there but cannot be read: a lost authority is never replaced silently.
 */
export function openPki(directory: string, options: PkiOptions): OpenedPki {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const files = new PkiFiles(directory, options.clock.now());
  const names = serverNames(options);
  const pki = assemblePki(options, {
    authority: (file, commonName) => files.authority(file, commonName),
    serviceAccountKey: () => files.signingKey("sa"),
    leaf: (file, issuer, issue) =>
      files.leaf(file, issuer, {
        issue,
        fits: ({ alternativeNames }) => file !== "apiserver" || sameAlternativeNames(alternativeNames, names),
      }),
    keep: (file, credential) => void files.put(file, credential),
    save: () => files.save(),
  });
  // Whatever is not there is made now.
  void [pki.authority, pki.frontProxyAuthority, pki.serviceAccountKey];
  void [pki.server, pki.admin, pki.kubeletClient, pki.frontProxyClient];
  const made = certificateNames.filter((name) => files.isNew(name));
  const saved = files.save();
  // Whoever waits for it hears of a failure.
  saved.catch(() => undefined);
  return { pki, saved, made };
}

interface LeafRules {
  issue(): Credential;
  fits(certificate: Certificate): boolean;
}

/** Reads files as they are needed and collects what is to be written, so that it goes to disk in one sweep. */
class PkiFiles {
  readonly #directory: string;
  readonly #nowMs: number;
  readonly #changed = new Map<string, string>();

  /** `nowMs` is the time at which it is decided what is still good. */
  constructor(directory: string, nowMs: number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  /** A certificate that is missing or ending is made anew from the key, so that what the key has signed stays valid. */
  authority(file: CertificateName, commonName: string): CertificateAuthority {
    const key = this.#read(`${file}.key`);
    const certificate = this.#read(`${file}.crt`);
    if (key === undefined && certificate !== undefined) {
      throw new Error(`${this.#path(`${file}.key`)} is missing, although ${file}.crt is there`);
    }
    if (key !== undefined && certificate !== undefined) {
      const loaded = CertificateAuthority.load({ certificate, key });
      return renewalMs(loaded.parsed) > this.#nowMs ? loaded : this.put(file, loaded.renew(this.#nowMs));
    }
    return this.put(
      file,
      CertificateAuthority.create(
        commonName,
        this.#nowMs,
        key === undefined ? generateKey() : privateKeyFromPem(key),
      ),
    );
  }

  signingKey(file: string): ReturnType<typeof generateKey> {
    const pem = this.#read(`${file}.key`);
    if (pem !== undefined) return privateKeyFromPem(pem);
    const key = generateKey();
    this.#changed.set(`${file}.key`, privateKeyToPem(key));
    this.#changed.set(`${file}.pub`, publicKeyToPem(key));
    return key;
  }

  leaf(file: CertificateName, issuer: CertificateAuthority, rules: LeafRules): Credential {
    return this.#good(file, issuer, rules) ?? this.put(file, rules.issue());
  }

  /** To be written by the next `save`. */
  put<T extends Credential>(file: CertificateName, credential: T): T {
    this.#changed.set(`${file}.key`, credential.key);
    this.#changed.set(`${file}.crt`, credential.certificate);
    return credential;
  }

  /** Whether it was put, and not yet saved. */
  isNew(file: CertificateName): boolean {
    return this.#changed.has(`${file}.crt`);
  }

  /** A crash may have left a new key beside an old certificate; whatever does not fit together is not good. */
  #good(file: CertificateName, issuer: CertificateAuthority, rules: LeafRules): Credential | undefined {
    const certificate = this.#read(`${file}.crt`);
    const key = this.#read(`${file}.key`);
    if (certificate === undefined || key === undefined) return undefined;
    try {
      const parsed = parseCertificate(certificatesOf(certificate)[0] ?? Buffer.alloc(0));
      const good =
        parsed.notBeforeMs <= this.#nowMs &&
        renewalMs(parsed) > this.#nowMs &&
        isSignedBy(parsed, issuer.parsed) &&
        parsed.publicKey.equals(publicKeyToDer(privateKeyFromPem(key))) &&
        rules.fits(parsed);
      return good ? { certificate, key } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Writes what changed, all files at once: they share the disk's flush. What fails is written by the next call. */
  async save(): Promise<void> {
    if (this.#changed.size === 0) return;
    const written = [...this.#changed];
    await Promise.all(written.map(([file, text]) => writeDurably(this.#path(file), text)));
    const directory = openSync(this.#directory, "r");
    try {
      await sync(directory);
    } finally {
      closeSync(directory);
    }
    for (const [file, text] of written) if (this.#changed.get(file) === text) this.#changed.delete(file);
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
