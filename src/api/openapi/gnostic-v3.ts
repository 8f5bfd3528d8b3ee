import {
  anyValue,
  type Encode,
  extensions,
  type Fields,
  fields,
  list,
  named,
  texts,
} from "./gnostic-parts.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import type { JsonDocument } from "./source.ts";

/**
 * An OpenAPI v3 document in protobuf (`application/com.github.proto-openapi.spec.v3.v1.0+protobuf`). Field numbers are
 * those of OpenAPIv3.proto in github.com/google/gnostic-models. Values of unknown shape travel as YAML texts;
 * a default that is neither text, number nor truth has no form there and is written empty.
 */
export function encodeOpenApiV3(document: JsonDocument): Uint8Array {
  const writer = new ProtobufWriter();
  writer.text(1, document["openapi"]);
  writer.message(2, fields(document["info"]), (info, value) => {
    info.text(1, value["title"]);
    info.text(6, value["version"]);
  });
  writer.message(4, fields(document["paths"]), (paths, value) => named(paths, 1, value, encodePath));
  writer.message(5, fields(document["components"]), encodeComponents);
  return writer.finish();
}

/** A thing itself, or a reference to it. */
const orReference =
  (encode: Encode): Encode =>
  (writer, value) => {
    if (value["$ref"] === undefined) writer.message(1, value, encode);
    else writer.message(2, value, (reference, { $ref }) => reference.text(1, $ref));
  };

const methods = ["get", "put", "post", "delete", "options", "head", "patch"];

const encodePath: Encode = (writer, path) => {
  for (const [index, method] of methods.entries()) {
    if (path[method] !== undefined) writer.message(index + 4, fields(path[method]), encodeOperation);
  }
  for (const parameter of list(path["parameters"])) writer.message(13, parameter, encodeParameter);
};

const encodeOperation: Encode = (writer, operation) => {
  for (const tag of texts(operation["tags"])) writer.text(1, tag);
  writer.text(3, operation["description"]);
  writer.text(5, operation["operationId"]);
  for (const parameter of list(operation["parameters"])) writer.message(6, parameter, encodeParameter);
  if (operation["requestBody"] !== undefined) {
    writer.message(7, fields(operation["requestBody"]), orReference(encodeBody));
  }
  writer.message(8, fields(operation["responses"]), (responses, value) =>
    named(responses, 2, value, orReference(encodeResponse)),
  );
  extensions(writer, 13, operation);
};

const encodeBody: Encode = (writer, body) => {
  encodeContent(writer, 2, body);
  writer.flag(3, body["required"]);
};

const encodeResponse: Encode = (writer, response) => {
  writer.text(1, response["description"]);
  encodeContent(writer, 3, response);
};

function encodeContent(writer: ProtobufWriter, field: number, { content }: Fields): void {
  if (content === undefined) return;
  writer.message(field, fields(content), (types, value) =>
    named(types, 1, value, (type, { schema }) => type.message(1, fields(schema), encodeSchemaOrReference)),
  );
}

const encodeParameter: Encode = orReference((writer, parameter) => {
  writer.text(1, parameter["name"]);
  writer.text(2, parameter["in"]);
  writer.text(3, parameter["description"]);
  writer.flag(4, parameter["required"]);
  writer.message(10, fields(parameter["schema"]), encodeSchemaOrReference);
});

const encodeComponents: Encode = (writer, components) => {
  writer.message(1, fields(components["schemas"]), (schemas, value) =>
    named(schemas, 1, value, encodeSchemaOrReference),
  );
  if (components["securitySchemes"] === undefined) return;
  writer.message(7, fields(components["securitySchemes"]), (schemes, value) =>
    named(schemes, 1, value, orReference(encodeSecurityScheme)),
  );
};

const encodeSecurityScheme: Encode = (writer, scheme) => {
  writer.text(1, scheme["type"]);
  writer.text(2, scheme["description"]);
  writer.text(3, scheme["name"]);
  writer.text(4, scheme["in"]);
};

/** Numbers of the limits that are numbers, and of those that count. */
const limits = [
  ["multipleOf", 10],
  ["maximum", 11],
  ["minimum", 13],
] as const;
const counts = [
  ["maxLength", 15],
  ["minLength", 16],
  ["maxItems", 18],
  ["minItems", 19],
  ["maxProperties", 21],
  ["minProperties", 22],
] as const;
const alternatives = [
  ["allOf", 26],
  ["oneOf", 27],
  ["anyOf", 28],
] as const;

const encodeSchema: Encode = (writer, schema) => {
  writer.flag(1, schema["nullable"]);
  writer.text(9, schema["title"]);
  for (const [name, field] of limits) writer.double(field, schema[name]);
  writer.flag(12, schema["exclusiveMaximum"]);
  writer.flag(14, schema["exclusiveMinimum"]);
  for (const [name, field] of counts) writer.integer(field, schema[name]);
  writer.text(17, schema["pattern"]);
  writer.flag(20, schema["uniqueItems"]);
  for (const name of texts(schema["required"])) writer.text(23, name);
  for (const value of texts(schema["enum"])) anyValue(writer, 24, value);
  writer.text(25, schema["type"]);
  for (const [name, field] of alternatives) {
    for (const each of list(schema[name])) writer.message(field, each, encodeSchemaOrReference);
  }
  if (schema["not"] !== undefined) writer.message(29, fields(schema["not"]), encodeSchema);
  if (schema["items"] !== undefined) {
    writer.message(30, fields(schema["items"]), (item, value) =>
      item.message(1, value, encodeSchemaOrReference),
    );
  }
  if (schema["properties"] !== undefined) {
    writer.message(31, fields(schema["properties"]), (item, value) =>
      named(item, 1, value, encodeSchemaOrReference),
    );
  }
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "boolean") {
    writer.message(32, {}, (item) => item.flag(2, additionalProperties));
  } else if (additionalProperties !== undefined) {
    writer.message(32, fields(additionalProperties), (item, value) =>
      item.message(1, value, encodeSchemaOrReference),
    );
  }
  encodeDefault(writer, schema["default"]);
  writer.text(34, schema["description"]);
  writer.text(35, schema["format"]);
  extensions(writer, 36, schema);
};

const encodeSchemaOrReference: Encode = orReference(encodeSchema);

function encodeDefault(writer: ProtobufWriter, value: unknown): void {
  if (value === undefined) return;
  writer.message(33, {}, (item) => {
    if (typeof value === "number") item.double(1, value);
    else if (typeof value === "boolean") item.integer(2, value ? 1 : 0);
    else if (value === "") item.message(3, "", () => {});
    else item.text(3, value);
  });
}
