/** As much as all warnings of an answer may say, and each of them once they say more; in characters. */
const maxAll = 4 * 1024;
const maxEach = 256;

/**
 * The Warning headers of an answer (RFC 7234: code, agent, quoted text): each text once, and short where there is a lot to say.
 * What would break a header is left out. Mirrors apiserver/pkg/endpoints/filters/warning.go.
 */
export function warningHeaders(texts: readonly string[]): string[] {
  const all = [...new Set(texts)].filter((text) => text !== "" && !control.test(text));
  if (lengthOf(all.join("")) <= maxAll) return all.map(headerOf);
  const headers: string[] = [];
  let written = 0;
  for (const text of all) {
    if (written >= maxAll) break;
    const short = Array.from(text).slice(0, maxEach).join("");
    written += lengthOf(short);
    headers.push(headerOf(short));
  }
  return headers;
}

const lengthOf = (text: string): number => Array.from(text).length;

const headerOf = (text: string): string =>
  `299 - "${Buffer.from(text.replace(/["\\]/g, "\\$&")).toString("latin1")}"`;

const control = /\p{Cc}/u;
