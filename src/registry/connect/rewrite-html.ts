/**
 * Addresses in a page that goes through a proxy: those from the root of the page's own host lead through the proxy again.
 * Which attributes hold addresses is HTML's to say (https://www.w3.org/TR/REC-html40/index/attributes.html). Everything
 * else stays as it is, byte for byte, and the page is written as it comes.
 */
const attributesOfTag: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

/** What is in these is text up to the tag that ends them. */
const textTags = new Set([
  "iframe",
  "noembed",
  "noframes",
  "noscript",
  "plaintext",
  "script",
  "style",
  "textarea",
  "title",
  "xmp",
]);

/** A tag that is longer is not looked at: nobody needs to keep more of a page. */
const maxTagBytes = 1 << 16;

const startTag = /<([a-zA-Z][^\s/>]*)((?:[^"'>]|"[^"]*"|'[^']*')*)>/y;
const attribute = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

/** The page with each address replaced by what `rewrite` makes of it. */
export async function* rewriteHtml(
  page: AsyncIterable<Uint8Array>,
  rewrite: (address: string) => string,
): AsyncGenerator<Uint8Array> {
  const scanner = new Scanner(rewrite);
  // One character for each byte, whatever the encoding: what is searched for is ASCII.
  for await (const chunk of page) {
    const text = scanner.take(Buffer.from(chunk).toString("latin1"), false);
    if (text !== "") yield Buffer.from(text, "latin1");
  }
  yield Buffer.from(scanner.take("", true), "latin1");
}

class Scanner {
  /** What has come and cannot be told yet. */
  #rest = "";
  /** The tag whose text this is, or none. */
  #inText: string | undefined;
  readonly #rewrite: (address: string) => string;

  constructor(rewrite: (address: string) => string) {
    this.#rewrite = rewrite;
  }

  take(more: string, isEnd: boolean): string {
    const input = this.#rest + more;
    let output = "";
    let at = 0;
    while (at < input.length) {
      const next = this.#next(input, at, isEnd);
      if (next === undefined) break;
      output += next.text;
      at = next.end;
    }
    this.#rest = input.slice(at);
    return output;
  }

  /** The piece that begins here, as it is to be written; undefined when more is needed to tell. */
  #next(input: string, at: number, isEnd: boolean): { text: string; end: number } | undefined {
    const until = (end: number): { text: string; end: number } => ({ text: input.slice(at, end), end });
    const isWhole = isEnd || input.length - at > maxTagBytes;
    if (this.#inText !== undefined) {
      const closing = input.toLowerCase().indexOf(`</${this.#inText}`, at);
      if (closing >= 0) {
        this.#inText = undefined;
        return until(closing + 2);
      }
      // The last bytes may be the beginning of the tag that ends the text.
      const end = isEnd ? input.length : input.length - this.#inText.length - 2;
      return end > at ? until(end) : undefined;
    }
    const start = input.indexOf("<", at);
    if (start !== at) return until(start < 0 ? input.length : start);
    if (input.startsWith("<!--", at)) {
      const end = input.indexOf("-->", at + 4);
      if (end >= 0) return until(end + 3);
      return isWhole ? until(input.length) : undefined;
    }
    startTag.lastIndex = at;
    const tag = startTag.exec(input);
    if (tag !== null) return { text: this.#tag(tag), end: startTag.lastIndex };
    const isTag = /[a-zA-Z]/.test(input[at + 1] ?? "a") || "<!--".startsWith(input.slice(at));
    return isTag && !isWhole ? undefined : until(at + 1);
  }

  #tag([whole, name = "", attributes = ""]: RegExpExecArray): string {
    const tag = name.toLowerCase();
    if (textTags.has(tag) && !attributes.endsWith("/")) this.#inText = tag;
    const wanted = Object.hasOwn(attributesOfTag, tag) ? attributesOfTag[tag] : undefined;
    if (wanted === undefined) return whole;
    const rewritten = attributes.replaceAll(attribute, (text, key: string, is: string, value: string) => {
      if (!wanted.includes(key.toLowerCase())) return text;
      const quoted = /^["']/.test(value) ? value.slice(1, -1) : value;
      const before = quoted.replaceAll("&amp;", "&");
      const after = this.#rewrite(before);
      return after === before ? text : `${key}${is}"${escaped(after)}"`;
    });
    return `<${name}${rewritten}>`;
  }
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&#34;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
