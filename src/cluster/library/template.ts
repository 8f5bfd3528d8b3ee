import { formatTime, VirtualClock } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { type Random, SeededRandom } from "../../apimachinery/random.ts";
import { createPki, type Pki } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { Cluster, type ClusterOptions } from "../cluster.ts";
import type { CreateClusterOptions } from "./options.ts";
import { Pulse } from "./pulse.ts";
import { type Stamps, stampedText, stampedValue, type TemplateStamps } from "./stamps.ts";

/** What decides how a cluster begins: its time, its identities and its keys do not. */
export type TemplateOptions = Omit<ClusterOptions, "clock" | "intercept" | "pki" | "random" | "storage">;

export interface TemplateSettings {
  /** Of the cluster that the template is taken from. Nothing of it is left in what the template makes. */
  readonly timeMs?: number;
  readonly seed?: number;
}

/** One object, cut where a cluster's own stamps go. */
interface Entry {
  readonly key: string;
  /** In JSON, as the authority in these stamps has to be. */
  readonly text: (stamps: Stamps) => string;
  readonly object: (stamps: Stamps) => UnstructuredObject;
}

/** Where a cluster begins. */
export interface Beginning {
  readonly storage: MemoryStorage;
  /** What bytes that lie there say: frozen, and for the most part shared with other clusters. Each is handed out once. */
  readonly decoded: (value: Uint8Array) => UnstructuredObject | undefined;
}

/**
 * A cluster at rest, before anything was asked of it, as the beginning of others: what they have in common was made once.
 * To bootstrap takes some two hundred writes, and that is most of what a small cluster in a test would cost.
 *
 * Each cluster gets its own times, identities and authority. So a cluster of a template is like one that was bootstrapped:
 * all that it lacks is the history of the bootstrapping. Its objects were created one after the other, each once.
 */
export class Template {
  readonly #entries: readonly Entry[];
  readonly #uids: ReadonlySet<string>;

  private constructor(entries: readonly Entry[], uids: ReadonlySet<string>) {
    this.#entries = entries;
    this.#uids = uids;
  }

  /** Bootstraps a cluster with these options, lets it come to rest, and takes what it has become. */
  static async of(
    options: TemplateOptions,
    { timeMs = Date.UTC(2001, 1, 3, 4, 5, 6), seed = 1 }: TemplateSettings = {},
  ): Promise<Template> {
    const clock = new VirtualClock(timeMs);
    const pulse = new Pulse(clock);
    clock.watchActivity(() => pulse.count);
    const pki = createPki({ clock, reproducibleFrom: "template" });
    const storage = new MemoryStorage();
    const random = new SeededRandom(seed);
    const cluster = new Cluster({ ...options, clock, random, pki, storage, intercept: pulse.filter });
    try {
      await cluster.startApi();
      await cluster.bootstrap();
      await cluster.bootstrapped();
      await cluster.startControllers();
      await clock.settle();
      const { items } = await storage.list("");
      const inOrder = items.toSorted(
        (a, b) => a.createRevision - b.createRevision || (a.key < b.key ? -1 : 1),
      );
      return Template.#from(
        inOrder.map(({ key, value }) => ({ key, text: Buffer.from(value).toString("utf8") })),
        { time: formatTime(timeMs), authority: pki.authority.certificate },
      );
    } finally {
      await cluster.stop();
    }
  }

  static #from(
    items: readonly { readonly key: string; readonly text: string }[],
    { time, authority }: Omit<TemplateStamps, "uids">,
  ): Template {
    const parsed = items.map(({ key, text }, index) => {
      const object = JSON.parse(text) as UnstructuredObject;
      object.metadata.resourceVersion = String(index + 1);
      return { key, text, object };
    });
    const uids = new Set(parsed.map(({ object }) => object.metadata.uid ?? ""));
    const inObjects = { time, uids, authority };
    const inText = { time, uids, authority: escaped(authority) };
    const entries = parsed.map(({ key, text, object }): Entry => {
      const cut = stampedText(text, inText);
      const shared = stampedValue(object, inObjects);
      if (cut === undefined || shared === undefined) throw new Error(`${key} has no identity`);
      return {
        key,
        text: cut,
        object: (stamps) => shared(stamps) as UnstructuredObject,
      };
    });
    return new Template(entries, uids);
  }

  /** The beginning of a cluster of its own. Identities come from the source of chance, always in the same order. */
  begin(own: { readonly nowMs: number; readonly random: Random; readonly authority: string }): Beginning {
    const stamps: Stamps = {
      time: formatTime(own.nowMs),
      uids: new Map(Array.from(this.#uids, (uid) => [uid, own.random.uuid()])),
      authority: own.authority,
    };
    const inText = { ...stamps, authority: escaped(stamps.authority) };
    const values = bytesOf(this.#entries.map(({ text }) => text(inText)));
    const objects = new Map<Uint8Array, UnstructuredObject>();
    const written = this.#entries.flatMap(({ key, object }, index) => {
      const value = values[index];
      if (value === undefined) return [];
      objects.set(value, object(stamps));
      return [{ key, value }];
    });
    return {
      storage: MemoryStorage.written(written),
      decoded: handedOutOnce(objects),
    };
  }
}

/** Looks objects up by the bytes that say them, and keeps none that was asked for: it is the asker's from then on. */
export function handedOutOnce(
  objects: Map<Uint8Array, UnstructuredObject>,
): (value: Uint8Array) => UnstructuredObject | undefined {
  return (value) => {
    const object = objects.get(value);
    objects.delete(value);
    return object;
  };
}

/** As it stands in JSON, without the quotes. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Each text's bytes. They lie in one piece of memory: hardly any of them is ever replaced. */
function bytesOf(texts: readonly string[]): Uint8Array[] {
  const bytes = Buffer.from(texts.join(""), "utf8");
  let from = 0;
  return texts.map((text) => {
    const start = from;
    from += Buffer.byteLength(text);
    return bytes.subarray(start, from);
  });
}

/** Suites come with few sets of options; more would only hold memory. */
const templatesMax = 8;
const templates = new Map<string, Promise<Template>>();

/**
 * Where a new cluster begins. What `options` say of the state that a cluster comes to by itself tells templates apart;
 * `common` is what they were made into.
 */
export async function beginningOf(
  { admission, controllers, scheduler, serviceCidr }: CreateClusterOptions,
  common: TemplateOptions,
  own: { readonly nowMs: number; readonly random: Random; readonly pki: Pki },
): Promise<Beginning> {
  const key = JSON.stringify([admission, controllers, scheduler, serviceCidr]);
  const template = await templateFor(key, common);
  return template.begin({ ...own, authority: own.pki.authority.certificate });
}

/** The template for the options, made when they are first seen in this process. `key` tells sets of options apart. */
export async function templateFor(key: string, options: TemplateOptions): Promise<Template> {
  const known = templates.get(key);
  const template = known ?? Template.of(options);
  // The one that was asked for last goes last.
  templates.delete(key);
  templates.set(key, template);
  const [oldest] = templates.keys();
  if (templates.size > templatesMax && oldest !== undefined) templates.delete(oldest);
  try {
    return await template;
  } catch (error) {
    if (templates.get(key) === template) templates.delete(key);
    throw error;
  }
}
