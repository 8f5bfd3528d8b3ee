import type { Schema, SchemaSet } from "../../apimachinery/schema.ts";

/** A kind of review: what is sent to a webhook, and comes back with an answer in it. */
export interface ReviewForm {
  readonly group: string;
  readonly kind: string;
  readonly schemas: SchemaSet;
}

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const count: Schema = { type: "integer", format: "int32" };
const texts: Schema = { type: "array", items: text };
const textMap: Schema = { type: "object", values: text };
const one = (ref: string): Schema => ({ ref });
const many = (items: Schema): Schema => ({ type: "array", items });
const struct = (properties: Readonly<Record<string, Schema>>): Schema => ({ type: "object", properties });

const status: Readonly<Record<string, Schema>> = {
  "meta.v1.Status": struct({
    kind: text,
    apiVersion: text,
    metadata: one("meta.v1.ListMeta"),
    status: text,
    message: text,
    reason: text,
    details: one("meta.v1.StatusDetails"),
    code: count,
  }),
  "meta.v1.ListMeta": struct({
    selfLink: text,
    resourceVersion: text,
    continue: text,
    remainingItemCount: { type: "integer", format: "int64" },
  }),
  "meta.v1.StatusDetails": struct({
    name: text,
    group: text,
    kind: text,
    uid: text,
    causes: many(one("meta.v1.StatusCause")),
    retryAfterSeconds: count,
  }),
  "meta.v1.StatusCause": struct({ reason: text, message: text, field: text }),
};

/** Types have the names by which Go's decoder calls them in its messages. What we sent is not read again. */
function reviewForm(
  group: string,
  kind: string,
  answer: string,
  fields: Readonly<Record<string, Schema>>,
): ReviewForm {
  const schemas = new Map<string, Schema>(Object.entries(status));
  for (const version of ["v1", "v1beta1"]) {
    schemas.set(
      `${version}.${kind}`,
      struct({ apiVersion: text, kind: text, response: one(`${version}.${answer}`) }),
    );
    schemas.set(`${version}.${answer}`, struct(fields));
  }
  return { group, kind, schemas };
}

export const admissionReview = reviewForm("admission.k8s.io", "AdmissionReview", "AdmissionResponse", {
  uid: text,
  allowed: flag,
  status: one("meta.v1.Status"),
  patch: { type: "string", format: "byte" },
  patchType: text,
  auditAnnotations: textMap,
  warnings: texts,
});

export const conversionReview = reviewForm("apiextensions.k8s.io", "ConversionReview", "ConversionResponse", {
  uid: text,
  convertedObjects: many({}),
  result: one("meta.v1.Status"),
});
