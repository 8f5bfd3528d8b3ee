/** Certificates and tokens: what the other rooms use of this one. */
export type { AlternativeNames } from "./alternative-names.ts";
export { CertificateAuthority, type Credential, certificateLifetimeMs } from "./authority.ts";
export { type Certificate, isSignedBy, parseCertificate } from "./certificate.ts";
export { DerError } from "./der.ts";
export { extendedKeyUsageOids, isKeyUsage, type KeyUsage, keyUsageBits } from "./extensions.ts";
export { type JwtClaims, jsonWebKeySet, keyId, parseJwt, signJwt, verifyJwt } from "./jwt.ts";
export type { SubjectName } from "./name.ts";
export { certificatesOf, decodePem, encodePem } from "./pem.ts";
export { createPki, type Pki, type PkiOptions } from "./pki.ts";
export { loadOrCreatePki } from "./pki-directory.ts";
export { isClusterSigner, type SigningAnswer, type SigningAsk, signFor } from "./signers.ts";
export { createSigningRequest, parseSigningRequest, type SigningRequest } from "./signing-request.ts";
