import { freezeCompactly } from "../../apiserver/cache/compact.ts";

/**
 * What is a cluster's own in objects that every cluster has. A template holds the objects once, cut where stamps are:
 * what lies between is shared by all clusters of the process.
 */
export interface Stamps {
  /** Of the beginning, in RFC 3339 and whole seconds. */
  readonly time: string;
  /** The cluster's identity in place of the template's. */
  readonly uids: ReadonlyMap<string, string>;
  /** PEM of the cluster's certificate authority. */
  readonly authority: string;
}

/** The stamps that a template's objects carry themselves. Its time is one that nothing else mentions. */
export interface TemplateStamps {
  readonly time: string;
  readonly uids: ReadonlySet<string>;
  readonly authority: string;
}

type Stamped<T> = (stamps: Stamps) => T;

/** The text with the stamps of a cluster; undefined when it carries none. Of the time, the day alone is one too. */
export function stampedText(text: string, template: TemplateStamps): Stamped<string> | undefined {
  const parts: (string | Stamped<string>)[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(patternOf(template))) {
    const part = partOf(found, template);
    if (part === undefined) continue;
    parts.push(text.slice(from, index), part);
    from = index + found.length;
  }
  if (parts.length === 0) return undefined;
  parts.push(text.slice(from));
  return (stamps) => {
    let result = "";
    for (const part of parts) result += typeof part === "string" ? part : part(stamps);
    return result;
  };
}

/** The value with the stamps of a cluster; undefined when nothing in it carries one. The value is frozen and shared. */
export function stampedValue(value: unknown, template: TemplateStamps): Stamped<unknown> | undefined {
  if (typeof value === "string") return stampedText(value, template);
  if (typeof value !== "object" || value === null) return undefined;
  const frozen: object = freezeCompactly(value);
  const changes: (readonly [string, Stamped<unknown>])[] = [];
  for (const [key, member] of Object.entries(frozen)) {
    const stamped = stampedValue(member, template);
    if (stamped !== undefined) changes.push([key, stamped]);
  }
  if (changes.length === 0) return undefined;
  // The engine is slow at copying what is frozen: copies are made of a copy that is not.
  if (Array.isArray(frozen)) {
    const items: readonly unknown[] = [...(frozen as readonly unknown[])];
    return (stamps) => {
      const copy = [...items];
      for (const [index, stamped] of changes) copy[Number(index)] = stamped(stamps);
      return Object.freeze(copy);
    };
  }
  const members: Readonly<Record<string, unknown>> = { ...frozen };
  return (stamps) => {
    const copy = { ...members };
    for (const [key, stamped] of changes) copy[key] = stamped(stamps);
    return Object.freeze(copy);
  };
}

const uidForm = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

function patternOf({ time, authority }: TemplateStamps): RegExp {
  const [day = "", ofDay = ""] = time.split("T");
  // Of what a PEM consists of, only the plus sign means something in a pattern, and a line's end in JSON.
  const text = authority.replaceAll(/[+\\]/g, "\\$&");
  return new RegExp(`${day}(?:T${ofDay})?|${uidForm}|${text}`, "g");
}

function partOf(found: string, { time, uids, authority }: TemplateStamps): Stamped<string> | undefined {
  if (found === authority) return (stamps) => stamps.authority;
  if (time.startsWith(found)) return (stamps) => stamps.time.slice(0, found.length);
  return uids.has(found) ? (stamps) => stamps.uids.get(found) ?? found : undefined;
}
