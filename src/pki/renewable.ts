import { type Certificate, parseCertificate } from "./certificate.ts";
import { certificatesOf } from "./pem.ts";

const leafBeforeMs = 30 * 24 * 60 * 60 * 1000;

/** 99991231235959Z: RFC 5280 has it for certificates that have no end. */
export const withoutEndMs = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * When a certificate is to be renewed: a tenth of its life before its end, but no more than 30 days before. An authority's,
 * which lives ten years, that tenth before: whoever fetches what it holds once a year has the new one in time, and no
 * certificate is cut short by the end of its authority. Infinity for one without end.
 */
export function renewalMs({ notBeforeMs, notAfterMs, isAuthority }: Certificate): number {
  if (notAfterMs >= withoutEndMs) return Number.POSITIVE_INFINITY;
  const tenth = (notAfterMs - notBeforeMs) / 10;
  return notAfterMs - (isAuthority ? tenth : Math.min(tenth, leafBeforeMs));
}

/** PEM, and what it says where that was read already. */
interface WithCertificate {
  readonly certificate: string;
  readonly parsed?: Certificate;
}

/** A certificate that is made when it is first asked for, and made anew when it is due. */
export class Renewable<T extends WithCertificate> {
  readonly #make: (before: T | undefined) => T;
  readonly #onMade: () => void;
  #value: T | undefined;
  /** Of the present value; undefined until somebody asks. */
  #dueMs: number | undefined;

  constructor(make: (before: T | undefined) => T, onMade: () => void) {
    this.#make = make;
    this.#onMade = onMade;
  }

  get value(): T {
    if (this.#value === undefined) {
      this.#value = this.#make(undefined);
      this.#onMade();
    }
    return this.#value;
  }

  /** Infinity as long as it was not made. */
  get dueMs(): number {
    if (this.#value === undefined) return Number.POSITIVE_INFINITY;
    this.#dueMs ??= renewalMs(parsedOf(this.#value));
    return this.#dueMs;
  }

  renew(): void {
    this.#value = this.#make(this.#value);
    this.#dueMs = undefined;
  }
}

const parsedOf = ({ certificate, parsed }: WithCertificate): Certificate =>
  parsed ?? parseCertificate(certificatesOf(certificate)[0] ?? Buffer.alloc(0));
