/** PEM (RFC 7468): base64 between BEGIN and END lines. */
export interface PemBlock {
  /** `CERTIFICATE`, `CERTIFICATE REQUEST`, `PRIVATE KEY`, … */
  readonly label: string;
  readonly der: Buffer;
  /** Lines such as `Proc-Type: …` before the base64. */
  readonly hasHeaders: boolean;
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Every block of the text, in order; text between blocks is skipped. */
export function decodePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const pattern =
    /-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[^\n:-]+:[^\n]*\n)*)\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/g;
  for (const match of text.matchAll(pattern)) {
    blocks.push({
      label: match[1] ?? "",
      der: Buffer.from((match[3] ?? "").replaceAll(/\s/g, ""), "base64"),
      hasHeaders: match[2] !== "",
    });
  }
  return blocks;
}

/** The DER of every certificate in the text. */
export function certificatesOf(pem: string): Buffer[] {
  return decodePem(pem)
    .filter((block) => block.label === "CERTIFICATE" && !block.hasHeaders)
    .map((block) => block.der);
}
