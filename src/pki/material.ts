import type { KeyObject } from "node:crypto";
import type { Credential } from "./authority.ts";
import { privateKeyToPem } from "./keys.ts";
import type { Pki } from "./pki.ts";

/** What makes a cluster the one that it is: with it, another PKI believes what this one signed. PEM; all of it secret. */
export interface PkiMaterial {
  readonly authority: Credential;
  readonly frontProxyAuthority: Credential;
  readonly serviceAccountKey: string;
}

/** For `createPki({ material })`. */
export function pkiMaterial({ authority, frontProxyAuthority, serviceAccountKey }: MaterialOf): PkiMaterial {
  const { certificate, key } = authority;
  return {
    authority: { certificate, key },
    frontProxyAuthority: { certificate: frontProxyAuthority.certificate, key: frontProxyAuthority.key },
    serviceAccountKey: privateKeyToPem(serviceAccountKey),
  };
}

type MaterialOf = Pick<Pki, "authority" | "frontProxyAuthority"> & { readonly serviceAccountKey: KeyObject };
