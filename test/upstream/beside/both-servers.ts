import { deepEqual, isObject } from "../../../src/apimachinery/json.ts";
import { acceptedReason } from "./accepted.ts";
import { startKubeApiServer } from "./kube-apiserver.ts";
import { bodyTexts, headerText, withoutChance } from "./normalise.ts";
import { startOurServer } from "./our-server.ts";
import { type Answer, type Ask, send } from "./send.ts";

interface RunningServer {
  readonly port: number;
  stop(): Promise<void>;
}

export interface Found {
  readonly asked: string;
  readonly expected: string;
  readonly found: string;
}

/** Kubernetes' API server and ours, asked the same. Collects where they differ. */
export class BothServers {
  readonly differences = new Map<string, Found[]>();
  /** How often each reason to leave a difference was found. */
  readonly accepted = new Map<string, number>();
  asked = 0;
  readonly #theirs: RunningServer;
  readonly #ours: RunningServer;

  private constructor(theirs: RunningServer, ours: RunningServer) {
    this.#theirs = theirs;
    this.#ours = ours;
  }

  static async start(say: (line: string) => void): Promise<BothServers> {
    const theirs = await startKubeApiServer(say);
    const both = new BothServers(theirs, await startOurServer());
    // Pods are admitted once the account that they run as is there, which a controller makes elsewhere.
    await both.ask({
      method: "POST",
      path: "/api/v1/namespaces/default/serviceaccounts",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } }),
    });
    await send(both.#ours.port, {
      method: "DELETE",
      path: "/apis/storage.k8s.io/v1/storageclasses/standard",
    });
    return both;
  }

  /** Both answers, Kubernetes' first. */
  ask(ask: Ask): Promise<[Answer, Answer]> {
    return Promise.all([answerOf(this.#theirs.port, ask), answerOf(this.#ours.port, ask)]);
  }

  /** Asks both and notes what of code, headers and body differs, in groups of what is compared and where it differs. */
  async compare(what: string, label: string, ask: Ask): Promise<[Answer, Answer]> {
    const [theirs, ours] = await this.ask(ask);
    this.asked++;
    const asked = `${label}: ${ask.method ?? "GET"} ${ask.path}`;
    const codes = [codeText(theirs), codeText(ours)] as const;
    this.note(`${what} code`, asked, ...codes);
    this.note(`${what} headers`, asked, headerText(theirs), headerText(ours));
    if (codes[0] !== codes[1] || theirs.code >= 300) return [theirs, ours];
    const bodies = bodyTexts(theirs, ours);
    const form = theirs.headers["content-type"]?.includes("protobuf") === true ? "protobuf" : "json";
    this.note(`${what} ${form} ${form === "json" ? placeOfDifference(...bodies) : ""}`, asked, ...bodies);
    return [theirs, ours];
  }

  /** Keeps the difference, unless there is none. */
  note(group: string, asked: string, expected: string, found: string): void {
    if (expected === found) return;
    const reason = acceptedReason(group);
    if (reason !== undefined) {
      this.accepted.set(reason, (this.accepted.get(reason) ?? 0) + 1);
      return;
    }
    const list = this.differences.get(group) ?? [];
    list.push({ asked, expected, found });
    this.differences.set(group, list);
  }

  async stop(): Promise<void> {
    await this.#theirs.stop();
    await this.#ours.stop();
  }
}

/** A request that gets no answer is worth comparing too. */
async function answerOf(port: number, ask: Ask): Promise<Answer> {
  try {
    return await send(port, ask);
  } catch (error) {
    return { code: 0, headers: {}, body: Buffer.from(String(error)) };
  }
}

/** The path of the first member that is not the same, without indices. */
function placeOfDifference(expected: string, found: string): string {
  const [theirs, ours] = [expected.split("\n"), found.split("\n")];
  const line = theirs.findIndex((text, index) => text !== ours[index]);
  try {
    return placeWithin(JSON.parse(theirs[line] ?? ""), JSON.parse(ours[line] ?? ""));
  } catch {
    return "";
  }
}

function placeWithin(expected: unknown, found: unknown): string {
  if (Array.isArray(expected) && Array.isArray(found)) {
    const index = expected.findIndex((item, at) => !deepEqual(item, found[at]));
    return index < 0 ? ".length" : `[]${placeWithin(expected[index], found[index])}`;
  }
  if (!isObject(expected) || !isObject(found)) return "";
  for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    if (!deepEqual(expected[key], found[key])) return `.${key}${placeWithin(expected[key], found[key])}`;
  }
  return "";
}

const codeText = ({ code, body }: Answer): string =>
  code < 300 ? String(code) : `${code} ${withoutChance(body.toString().slice(0, 20_000))}`;
