/**
 * CRC-32 of texts that are joined, from those of their parts. To append a text of n bytes is, in the arithmetic of the
 * checksum, to multiply what stands before it by x^(8n): no byte is read again.
 *
 * Polynomials over two elements, modulo that of the checksum; the highest bit is the coefficient of x^0.
 */
const one = 0x8000_0000;
const polynomial = 0xedb8_8320;

/** The product of two polynomials. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 1 ? (factor >>> 1) ^ polynomial : factor >>> 1;
  }
  return product >>> 0;
}

/** x^(8·sizeBytes): what a checksum is multiplied by when so many bytes follow. */
export function shiftOf(sizeBytes: number): number {
  let shift = one;
  let power = multiply(0x0080_0000, one);
  for (let rest = sizeBytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(power, shift);
    power = multiply(power, power);
  }
  return shift;
}

/** The checksum of a text with another behind it. */
export function joinedChecksum(before: number, shift: number, after: number): number {
  return (multiply(shift, before) ^ after) >>> 0;
}
