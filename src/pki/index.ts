/** Certificates and tokens: what the other rooms use of this one. */
export { CertificateAuthority, type Credential } from "./authority.ts";
export { type Certificate, isSignedBy, parseCertificate } from "./certificate.ts";
export {
  isSignatureAlgorithm,
  type NamedKey,
  readJsonWebKeySet,
  type SignatureAlgorithm,
  signatureAlgorithms,
  verifyJws,
} from "./jws.ts";
export { type JwtClaims, jsonWebKeySet, keyId, parseJwt, signJwt, verifyJwt } from "./jwt.ts";
export { type PkiMaterial, pkiMaterial } from "./material.ts";
export { certificatesOf, decodePem, encodePem, type PemBlock } from "./pem.ts";
export { type CertificateName, createPki, type Pki } from "./pki.ts";
export { loadOrCreatePki, openPki } from "./pki-directory.ts";
export { checkAsk, type SigningAsk, signFor } from "./signers.ts";
export {
  createSigningRequest,
  parseSigningRequest,
  type ReadRequest,
  readSigningRequest,
} from "./signing-request.ts";
