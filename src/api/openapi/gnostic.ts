import { anyValue, type Encode, extensions, fields, list, named, texts } from "./gnostic-parts.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import type { JsonDocument } from "./source.ts";
import type { Entry, LongPart } from "./v2-forms.ts";

/**
 * The OpenAPI v2 document in protobuf, as clients up to kubectl 1.33 ask for it
 * (`application/com.github.proto-openapi.spec.v2.v1.0+protobuf`), in parts that stand one behind the other. Field numbers
 * are those of OpenAPIv2.proto in github.com/google/gnostic. Values of unknown shape travel as YAML texts.
 */
export const protobufV2 = {
  head(document: JsonDocument): Uint8Array {
    const writer = new ProtobufWriter();
    writer.text(1, document["swagger"]);
    writer.message(2, fields(document["info"]), (info, value) => {
      info.text(1, value["title"]);
      info.text(2, value["version"]);
    });
    return writer.finish();
  },
  /** What stands before all paths, or all definitions, which take so many bytes. */
  before(part: LongPart, sizeBytes: number): Uint8Array {
    const writer = new ProtobufWriter();
    writer.begin(part === "paths" ? 8 : 9, sizeBytes);
    return writer.finish();
  },
  entries(part: LongPart, entries: readonly Entry[]): Uint8Array {
    const writer = new ProtobufWriter();
    const isPaths = part === "paths";
    for (const [name, document] of entries)
      named(writer, isPaths ? 2 : 1, { [name]: document }, isPaths ? encodePath : encodeSchema);
    return writer.finish();
  },
  tail(document: JsonDocument): Uint8Array {
    const writer = new ProtobufWriter();
    writer.message(10, fields(document["parameters"]), (all, value) => named(all, 1, value, encodeParameter));
    for (const requirement of list(document["security"])) writer.message(12, requirement, encodeRequirement);
    writer.message(13, fields(document["securityDefinitions"]), (definitions, value) =>
      named(definitions, 1, value, (item, definition) => item.message(2, definition, encodeApiKey)),
    );
    return writer.finish();
  },
} as const;

const methods = ["get", "put", "post", "delete", "options", "head", "patch"];

const encodePath: Encode = (writer, path) => {
  for (const [index, method] of methods.entries()) {
    if (path[method] !== undefined) writer.message(index + 2, fields(path[method]), encodeOperation);
  }
  for (const parameter of list(path["parameters"])) writer.message(9, parameter, encodeParametersItem);
};

const encodeOperation: Encode = (writer, operation) => {
  for (const tag of texts(operation["tags"])) writer.text(1, tag);
  writer.text(3, operation["description"]);
  writer.text(5, operation["operationId"]);
  for (const type of texts(operation["produces"])) writer.text(6, type);
  for (const type of texts(operation["consumes"])) writer.text(7, type);
  for (const parameter of list(operation["parameters"])) writer.message(8, parameter, encodeParametersItem);
  writer.message(9, fields(operation["responses"]), (responses, value) =>
    named(responses, 1, value, (item, response) => item.message(1, response, encodeResponse)),
  );
  for (const scheme of texts(operation["schemes"])) writer.text(10, scheme);
  extensions(writer, 13, operation);
};

const encodeResponse: Encode = (writer, response) => {
  writer.text(1, response["description"]);
  if (response["schema"] === undefined) return;
  writer.message(2, fields(response["schema"]), (item, schema) => item.message(1, schema, encodeSchema));
};

const encodeParametersItem: Encode = (writer, parameter) => {
  if (parameter["$ref"] === undefined) writer.message(1, parameter, encodeParameter);
  else writer.message(2, parameter, (reference, value) => reference.text(1, value["$ref"]));
};

const encodeParameter: Encode = (writer, parameter) => {
  if (parameter["in"] === "body") {
    writer.message(1, parameter, (body, value) => {
      body.text(1, value["description"]);
      body.text(2, value["name"]);
      body.text(3, value["in"]);
      body.flag(4, value["required"]);
      body.message(5, fields(value["schema"]), encodeSchema);
    });
    return;
  }
  const isPath = parameter["in"] === "path";
  writer.message(2, parameter, (other, value) =>
    other.message(isPath ? 4 : 3, value, isPath ? encodePathParameter : encodeQueryParameter),
  );
};

const encodeQueryParameter: Encode = (writer, parameter) => {
  encodeParameterStart(writer, parameter);
  writer.text(6, parameter["type"]);
  writer.text(7, parameter["format"]);
  writer.flag(20, parameter["uniqueItems"]);
};

const encodePathParameter: Encode = (writer, parameter) => {
  encodeParameterStart(writer, parameter);
  writer.text(5, parameter["type"]);
  writer.text(6, parameter["format"]);
  writer.flag(19, parameter["uniqueItems"]);
};

const encodeParameterStart: Encode = (writer, parameter) => {
  writer.flag(1, parameter["required"]);
  writer.text(2, parameter["in"]);
  writer.text(3, parameter["description"]);
  writer.text(4, parameter["name"]);
};

const encodeSchema: Encode = (writer, schema) => {
  writer.text(1, schema["$ref"]);
  writer.text(2, schema["format"]);
  writer.text(4, schema["description"]);
  if (schema["default"] !== undefined) anyValue(writer, 5, schema["default"]);
  for (const name of texts(schema["required"])) writer.text(19, name);
  for (const value of texts(schema["enum"])) anyValue(writer, 20, value);
  if (schema["additionalProperties"] !== undefined) {
    writer.message(21, fields(schema["additionalProperties"]), (item, value) =>
      item.message(1, value, encodeSchema),
    );
  }
  if (schema["type"] !== undefined) writer.message(22, schema, (item, value) => item.text(1, value["type"]));
  if (schema["items"] !== undefined) {
    writer.message(23, fields(schema["items"]), (item, value) => item.message(1, value, encodeSchema));
  }
  if (schema["properties"] !== undefined) {
    writer.message(25, fields(schema["properties"]), (item, value) => named(item, 1, value, encodeSchema));
  }
  extensions(writer, 31, schema);
};

const encodeRequirement: Encode = (writer, requirement) => {
  for (const name of Object.keys(requirement)) {
    writer.message(1, requirement, (entry) => {
      entry.text(1, name);
      entry.message(2, {}, (scopes) => {
        for (const scope of texts(requirement[name])) scopes.text(1, scope);
      });
    });
  }
};

const encodeApiKey: Encode = (writer, definition) => {
  writer.message(2, definition, (key, value) => {
    key.text(1, value["type"]);
    key.text(2, value["name"]);
    key.text(3, value["in"]);
    key.text(4, value["description"]);
  });
};
