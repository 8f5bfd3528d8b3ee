/**
 * TLS options by which certificates of a bundle are trusted as Go trusts them: each by itself, also one that another
 * authority signed, or the very certificate that the other side shows. OpenSSL's own way is to want the chain up to a
 * self-signed root.
 */
export const trusting = <T extends string | Buffer>(
  ca: T | undefined,
): { readonly ca?: T; readonly allowPartialTrustChain?: true } =>
  ca === undefined ? {} : { ca, allowPartialTrustChain: true };
