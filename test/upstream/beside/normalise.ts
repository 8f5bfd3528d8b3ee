import { isObject } from "../../../src/apimachinery/json.ts";
import type { Answer } from "./send.ts";
import {
  readEnvelope,
  readFrames,
  showMessage,
  type WireMessage,
  withoutWrittenEmpties,
} from "./wire-format.ts";

/**
 * Both bodies as text, Kubernetes' first, with what is drawn anew (ids, revisions, times, random suffixes) replaced by its name.
 * The order of JSON's members is not compared, nor are descriptions of columns, which are our own.
 */
export function bodyTexts(theirs: Answer, ours: Answer): [string, string] {
  const type = theirs.headers["content-type"] ?? "";
  if (type.includes("protobuf")) {
    const [full, sparse] = [wireMessages(theirs), wireMessages(ours)];
    const compared = full.map((message, index) => withoutWrittenEmpties(message, sparse[index] ?? []));
    return [compared, sparse].map((list) =>
      withoutChance(list.map((message) => showMessage(message)).join("\n---\n")),
    ) as [string, string];
  }
  return [jsonText(theirs), jsonText(ours)];
}

function wireMessages({ headers, body }: Answer): WireMessage[] {
  if (headers["content-type"]?.includes("stream=watch") === true) {
    // Events of the first state come in no order.
    return readFrames(body).sort((a, b) =>
      showMessage(a).replaceAll(/^\s*\d+: ""\n/gm, "") < showMessage(b).replaceAll(/^\s*\d+: ""\n/gm, "")
        ? -1
        : 1,
    );
  }
  return [readEnvelope(body) ?? []];
}

function jsonText({ body }: Answer): string {
  try {
    return withoutChance(JSON.stringify(inOrder(JSON.parse(body.toString()))));
  } catch {
    // Several values, a line each, or no JSON at all.
  }
  const lines = body.toString().split("\n");
  const shown = lines.map((line) => {
    try {
      return JSON.stringify(inOrder(JSON.parse(line)));
    } catch {
      return line;
    }
  });
  return withoutChance(shown.length > 2 ? shown.sort().join("\n") : shown.join("\n"));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  const isColumn = "priority" in value && "format" in value && "description" in value;
  const members = Object.entries(value)
    .filter(([name]) => !(isColumn && name === "description"))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, inOrder(member)]));
}

/** The headers that a client may see, but for those that belong to the connection. */
export function headerText({ headers }: Answer): string {
  const left = new Set(["date", "connection", "keep-alive", "transfer-encoding", "content-length"]);
  return Object.entries(headers)
    .filter(([name]) => !left.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}: ${withoutChance(value)}`)
    .join("\n");
}

const id = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** What is drawn anew, replaced by its name. */
export function withoutChance(text: string): string {
  return (
    text
      .replace(id, "(uid)")
      // Built from Go's module cache, Kubernetes does not know where its schemes were made.
      .replace(/in scheme \\?"[^"\\]*\\?"/g, "in (scheme)")
      .replace(/current: \d+|record \(\d+\)/g, "(revision)")
      .replace(/"serverAddress":"[^"]*"|serverAddress: \S+/g, "(serverAddress)")
      .replace(/resourceVersion: "\d+"/g, "(resourceVersion)")
      .replace(/Bad_[a-z0-9]{5}/g, "Bad_(random)")
      .replace(/(resourceVersion\\?":\s*\\?)"\d+\\?"/g, '$1"(revision)"')
      .replace(/202\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "(time)")
      .replace(/202\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g, "(microtime)")
      // A field manager is named after its program, and that is built under another name.
      .replace(/kube-apiserver-\d+\.\d+\.\d+/g, "kube-apiserver")
      // Addresses of Services are drawn; ages are told in seconds.
      .replace(/\b10\.96\.0\.\d+\b/g, "(address)")
      .replace(/(odePort": ?|\d:|: )3[0-2]\d{3}\b/g, "$1(port)")
      .replace(/"\ds"/g, '"(age)"')
      .replace(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access-(random)")
      // In protobuf: seconds of these years, and revisions as texts.
      .replace(/: 1[78]\d{8}\b/g, ": (seconds)")
      .replace(/^(\s*[26]): "\d+"$/gm, '$1: "(revision)"')
  );
}
