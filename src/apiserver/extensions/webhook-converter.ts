import type { CustomResourceConversion, WebhookClientConfig } from "../../api/types/apiextensions-v1.ts";
import { checkLabels } from "../../api/validation/label-selector.ts";
import { checkAnnotations } from "../../api/validation/object-meta.ts";
import { type FieldError, formatFieldError } from "../../apimachinery/field-error.ts";
import { type GroupVersionKind, parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newInternalError, newStatusError } from "../../apimachinery/status.ts";
import { bundleText } from "../webhook/ca-bundle.ts";

/** Posts a review to a webhook and answers with what it says. */
export interface CallConverter {
  post(config: WebhookClientConfig, review: unknown, version: string): Promise<unknown>;
  newUid(): string;
}

/**
 * Has objects converted by the webhook of a definition: one review for all, and what comes back is looked at closely
 * (mirrors k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go).
 */
export class WebhookConverter {
  readonly #name: string;
  readonly #config: WebhookClientConfig;
  readonly #reviewVersions: readonly string[];
  readonly #call: CallConverter;

  constructor(name: string, { webhook }: CustomResourceConversion, call: CallConverter) {
    this.#name = name;
    const { caBundle, ...clientConfig } = webhook?.clientConfig ?? {};
    // One that says nothing is none.
    this.#config =
      bundleText(caBundle) === undefined ? clientConfig : { ...clientConfig, caBundle: caBundle ?? "" };
    this.#reviewVersions = webhook?.conversionReviewVersions ?? [];
    this.#call = call;
  }

  /** New objects of the version, in the order of those given. Rejects with StatusError 500. */
  async convert(objects: readonly UnstructuredObject[], apiVersion: string): Promise<UnstructuredObject[]> {
    const sent = objects.filter((object) => object.apiVersion !== apiVersion);
    if (sent.length === 0) return objects.map((object) => deepCopy(object));
    const kind = kindOf(sent[0]);
    const fail = (why: string): Error => newStatusError(500, "", `conversion webhook for ${kind} ${why}`);
    const converted = await this.#ask(sent, apiVersion, fail);
    if (converted.length !== sent.length) {
      throw fail(`returned ${converted.length} objects, expected ${sent.length}`);
    }
    let next = 0;
    return objects.map((object) => {
      if (object.apiVersion === apiVersion) return deepCopy(object);
      const index = next++;
      return accepted(object, converted[index], apiVersion, objects.length > 1 ? index : undefined, fail);
    });
  }

  async #ask(
    objects: readonly UnstructuredObject[],
    desiredAPIVersion: string,
    fail: (why: string) => Error,
  ): Promise<readonly unknown[]> {
    const version = this.#reviewVersions.find((each) => each === "v1" || each === "v1beta1");
    if (version === undefined) throw newInternalError("no supported conversion review versions");
    const uid = this.#call.newUid();
    const apiVersion = `apiextensions.k8s.io/${version}`;
    const review = {
      kind: "ConversionReview",
      apiVersion,
      request: { uid, desiredAPIVersion, objects },
      response: { uid: "", convertedObjects: null, result: { metadata: {} } },
    };
    let answer: unknown;
    try {
      answer = await this.#call.post(this.#config, review, version);
    } catch (error) {
      throw fail(`failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    const result = readReview(answer, version, uid);
    if (typeof result === "string") throw fail(`failed: ${result}`);
    return result;
  }

  toString(): string {
    return `conversion_webhook_for_${this.#name}`;
  }
}

/** As Go shows what kind an object is: `stable.example.com/v1, Kind=CronTab`. */
function kindOf(object: UnstructuredObject | undefined): string {
  return `${object?.apiVersion ?? ""}, Kind=${object?.kind ?? ""}`;
}

/** The converted objects, or what is wrong with the review. Only reviews of v1 say whose answer they are. */
function readReview(answer: unknown, version: string, uid: string): readonly unknown[] | string {
  const review = isObject(answer) ? answer : {};
  const { response } = review;
  if (version === "v1") {
    const expected = "apiextensions.k8s.io/v1, Kind=ConversionReview";
    const found = `${textOf(review["apiVersion"])}, Kind=${textOf(review["kind"])}`;
    if (found !== expected) return `expected webhook response of ${expected}, got ${found}`;
  }
  if (!isObject(response)) return "no response provided";
  if (version === "v1" && response["uid"] !== uid) {
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(textOf(response["uid"]))}`;
  }
  const result = isObject(response["result"]) ? response["result"] : {};
  if (result["status"] !== "Success") {
    const message = textOf(result["message"]);
    return message === ""
      ? `response.result.status was '${textOf(result["status"])}', not 'Success'`
      : message;
  }
  const { convertedObjects } = response;
  return Array.isArray(convertedObjects) ? convertedObjects : [];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** The converted object with the metadata that no conversion may change, if it is the same one. */
function accepted(
  original: UnstructuredObject,
  value: unknown,
  apiVersion: string,
  index: number | undefined,
  fail: (why: string) => Error,
): UnstructuredObject {
  const what =
    index === undefined ? "invalid object at index 0" : `invalid converted object at index ${index}`;
  const plain = index === undefined ? "invalid object" : what;
  if (!isObject(value))
    throw fail(`returned ${what}: Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  const found: GroupVersionKind = {
    ...parseApiVersion(textOf(value["apiVersion"])),
    kind: textOf(value["kind"]),
  };
  if (value["apiVersion"] !== apiVersion) {
    const got = `${found.group === "" ? "" : `${found.group}/`}${found.version}`;
    throw fail(`returned ${what}: invalid groupVersion (expected ${apiVersion}, received ${got})`);
  }
  if (found.kind !== original.kind) {
    throw fail(`returned ${what}: invalid kind (expected ${original.kind}, received ${found.kind})`);
  }
  const metadata = isObject(value["metadata"]) ? value["metadata"] : undefined;
  for (const field of ["name", "namespace", "uid"] as const) {
    const [expected, got] = [textOf(original.metadata[field]), textOf(metadata?.[field])];
    const shown = field === "uid" ? "UID" : field;
    if (expected !== got) throw fail(`returned ${plain}: must have the same ${shown}: ${expected} != ${got}`);
  }
  const restored = restoredMetadata(original, value["metadata"]);
  if (typeof restored === "string") {
    const where = index === undefined ? "invalid metadata" : `invalid metadata in object at index ${index}`;
    throw fail(`returned ${where}: ${restored}`);
  }
  return { ...(value as UnstructuredObject), metadata: restored };
}

/** The original's metadata with the labels and annotations of the converted object, or what is wrong with these. */
function restoredMetadata(
  original: UnstructuredObject,
  metadata: unknown,
): UnstructuredObject["metadata"] | string {
  if (metadata === undefined) return "missing metadata in converted object";
  if (!isObject(metadata)) return `invalid metadata of type ${typeof metadata} in converted object`;
  const restored = deepCopy(original.metadata);
  for (const field of ["labels", "annotations"] as const) {
    const value = metadata[field];
    if (value === undefined || value === null) {
      delete restored[field];
      continue;
    }
    if (!isObject(value)) return `invalid metadata.${field} of type ${typeof value} in converted object`;
    const texts: Record<string, string> = {};
    for (const [key, text] of Object.entries(value)) {
      if (typeof text !== "string") {
        return `metadata.${field}[${key}] must be a string, but is ${typeof text} in converted object`;
      }
      texts[key] = text;
    }
    if (!deepEqual(original.metadata[field] ?? {}, texts)) {
      const errors: FieldError[] = [];
      if (field === "labels") checkLabels(texts, "metadata.labels", errors);
      else checkAnnotations(texts, "metadata.annotation", errors);
      const wrong = errors.map((error) => formatFieldError(error));
      if (wrong.length > 0) return wrong.length === 1 ? (wrong[0] ?? "") : `[${wrong.join(", ")}]`;
    }
    restored[field] = texts;
  }
  return restored;
}
