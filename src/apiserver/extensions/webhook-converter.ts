import type { CustomResourceConversion, WebhookClientConfig } from "../../api/types/apiextensions-v1.ts";
import { checkLabels } from "../../api/validation/label-selector.ts";
import { checkAnnotations } from "../../api/validation/object-meta.ts";
import { type FieldError, formatFieldError } from "../../apimachinery/field-error.ts";
import { parseApiVersion } from "../../apimachinery/gvk.ts";
import { deepCopy, deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newStatusError } from "../../apimachinery/status.ts";
import { bundleText } from "../webhook/ca-bundle.ts";

/** Posts a review to the webhook of a definition and answers with what it says. */
export interface CallConverter {
  post(definition: string, config: WebhookClientConfig, review: unknown, version: string): Promise<unknown>;
  newUid(): string;
  /** A conversion begins; what is returned is called when it has ended, with what it has failed for and the words for it. */
  begin(definition: string, from: string, to: string): (failure?: string, why?: string) => void;
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

  /**
   * New objects of the version, in the order of those given. Rejects with StatusError 500, in the words that Kubernetes has for
   * one object: it asks for each of a list, where we ask once for all.
   */
  async convert(objects: readonly UnstructuredObject[], apiVersion: string): Promise<UnstructuredObject[]> {
    const sent = objects.filter((object) => object.apiVersion !== apiVersion);
    const [first] = sent;
    if (first === undefined) return objects.map((object) => deepCopy(object));
    const observe = this.#call.begin(
      this.#name,
      parseApiVersion(first.apiVersion).version,
      parseApiVersion(apiVersion).version,
    );
    try {
      const converted = await this.#convertSent(sent, apiVersion, kindOf(first));
      observe();
      let next = 0;
      return objects.map((object) =>
        object.apiVersion === apiVersion ? deepCopy(object) : (converted[next++] ?? object),
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      observe(error instanceof ConversionFailure ? error.type : failureTypes.object, why);
      throw newStatusError(500, "", why);
    }
  }

  async #convertSent(
    sent: readonly UnstructuredObject[],
    apiVersion: string,
    kind: string,
  ): Promise<UnstructuredObject[]> {
    const prefix = `conversion webhook for ${kind}`;
    const converted = await this.#ask(sent, apiVersion, prefix);
    if (converted.length !== sent.length) {
      const why = `${prefix} returned ${converted.length} objects, expected ${sent.length}`;
      throw new ConversionFailure(failureTypes.partial, why);
    }
    return sent.map((object, index) => accepted(object, converted[index], apiVersion, prefix));
  }

  async #ask(
    objects: readonly UnstructuredObject[],
    desiredAPIVersion: string,
    prefix: string,
  ): Promise<readonly unknown[]> {
    const version = this.#reviewVersions.find((each) => each === "v1" || each === "v1beta1");
    if (version === undefined) throw new Error("no supported conversion review versions");
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
      answer = await this.#call.post(this.#name, this.#config, review, version);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      // One that cannot even be called for what its configuration says is not called a failure of its own.
      const isUnusable = isObject(error) && error["isUnusable"] === true;
      throw new ConversionFailure(failureTypes.call, isUnusable ? why : `${prefix} failed: ${why}`);
    }
    const result = readReview(answer, version, uid);
    if (typeof result === "string")
      throw new ConversionFailure(failureTypes.malformed, `${prefix} failed: ${result}`);
    return result;
  }

  toString(): string {
    return `conversion_webhook_for_${this.#name}`;
  }
}

/** What went wrong, as metrics name it. */
const failureTypes = {
  call: "conversion_webhook_call_failure",
  malformed: "conversion_webhook_malformed_response_failure",
  partial: "conversion_webhook_partial_response_failure",
  object: "conversion_webhook_invalid_converted_object_failure",
} as const;

class ConversionFailure extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
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
    const { group, version: given } = parseApiVersion(textOf(review["apiVersion"]));
    const found = `${group}/${given}, Kind=${textOf(review["kind"])}`;
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
  prefix: string,
): UnstructuredObject {
  const object = objectOf(value);
  const fail = (why: string): Error => new Error(`${prefix} returned ${why}`);
  const { group, version } = parseApiVersion(textOf(object["apiVersion"]));
  if (object["apiVersion"] !== apiVersion) {
    const got = `${group === "" ? "" : `${group}/`}${version}`;
    throw fail(`invalid object at index 0: invalid groupVersion (expected ${apiVersion}, received ${got})`);
  }
  const kind = textOf(object["kind"]);
  if (kind !== original.kind)
    throw fail(`invalid object at index 0: invalid kind (expected ${original.kind}, received ${kind})`);
  const metadata = isObject(object["metadata"]) ? object["metadata"] : undefined;
  for (const field of ["name", "namespace", "uid"] as const) {
    const [expected, got] = [textOf(original.metadata[field]), textOf(metadata?.[field])];
    const shown = field === "uid" ? "UID" : field;
    if (expected !== got) throw fail(`invalid object: must have the same ${shown}: ${expected} != ${got}`);
  }
  const restored = restoredMetadata(original, object["metadata"]);
  if (typeof restored === "string") throw fail(`invalid metadata: ${restored}`);
  return { ...(object as UnstructuredObject), metadata: restored };
}

/** What cannot be read as an object at all is told of without a word about the webhook, as in Kubernetes. */
function objectOf(value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) throw new Error("unexpected end of JSON input");
  if (!isObject(value)) {
    const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    throw new Error(`json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
  }
  if (textOf(value["kind"]) === "") throw new Error(`Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  return value;
}

/** As Go calls what it has read from JSON. */
function goType(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return typeof value === "string" ? "string" : "map[string]interface {}";
}

/** The original's metadata with the labels and annotations of the converted object, or what is wrong with these. */
function restoredMetadata(
  original: UnstructuredObject,
  metadata: unknown,
): UnstructuredObject["metadata"] | string {
  if (metadata === undefined) return "missing metadata in converted object";
  if (!isObject(metadata)) return `invalid metadata of type ${goType(metadata)} in converted object`;
  const restored = deepCopy(original.metadata);
  for (const field of ["labels", "annotations"] as const) {
    const value = metadata[field];
    if (value === undefined || value === null) {
      delete restored[field];
      continue;
    }
    if (!isObject(value)) return `invalid metadata.${field} of type ${goType(value)} in converted object`;
    const texts: Record<string, string> = {};
    for (const [key, text] of Object.entries(value)) {
      if (typeof text !== "string") {
        return `metadata.${field}[${key}] must be a string, but is ${goType(text)} in converted object`;
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
