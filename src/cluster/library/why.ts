import type { Client } from "../../client/client.ts";
import { RestMapper } from "../../kubectl/rest-mapper.ts";
import { explain, printAnswer, type Reason } from "../../why/index.ts";

/** Why a thing is as it is, for a test and for whoever reads its failure. */
export interface Explanation {
  readonly isReady: boolean;
  /** The chain to the reason, as data. */
  readonly reason: Reason;
  /** What `sampan why` prints. */
  readonly text: string;
  toString(): string;
}

/** Explains `deployment/web`. Rejects with TypeError when that names no resource. */
export async function why(
  { client, nowMs }: { readonly client: Client; readonly nowMs: number },
  what: string,
  namespace: string,
): Promise<Explanation> {
  const [resource = "", name = ""] = what.split("/");
  if (resource === "" || name === "") throw new TypeError(`${JSON.stringify(what)} is not RESOURCE/NAME`);
  const finder = new RestMapper(client.transport);
  const answer = await explain({ client, finder, nowMs }, { resource, name, namespace });
  if (answer === undefined) throw new TypeError(`the cluster serves no resource ${JSON.stringify(resource)}`);
  const text = printAnswer(answer);
  return { isReady: answer.reason.state === "fine", reason: answer.reason, text, toString: () => text };
}
