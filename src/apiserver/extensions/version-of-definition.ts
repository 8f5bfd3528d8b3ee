import type { StoredReader, TablePrinter } from "../../api/scheme.ts";
import type { DecodedObject } from "../../apimachinery/decode.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import { deepCopy, deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import { applySchemaOf } from "./apply-schema.ts";
import type { CustomDefinition } from "./custom-definition.ts";
import type { CustomVersion } from "./custom-version.ts";
import { newPrinter } from "./printer.ts";
import { type Decoding, decodeCustom, mendAdmitted, repairCustom } from "./schema/decode.ts";
import { applyDefaults } from "./schema/default.ts";
import { selectableReader } from "./selectable-field.ts";
import { finalizerWarnings, ObjectRules } from "./validate-object.ts";

/** One version of a definition, as the scheme asks for it. */
export class VersionOfDefinition implements CustomVersion {
  readonly reader: StoredReader;
  readonly #definition: CustomDefinition;
  readonly #name: string;
  #rules: ObjectRules | undefined;
  #printer: TablePrinter | undefined;
  #schema: Schema | undefined;

  constructor(definition: CustomDefinition, name: string) {
    this.#definition = definition;
    this.#name = name;
    const { converts } = definition;
    this.reader = {
      read: (object) => this.#read(object),
      ...(converts === undefined ? {} : { convert: (objects) => this.#convertAll(objects, converts) }),
    };
  }

  get schema(): Schema | undefined {
    this.#schema ??= applySchemaOf(this.#definition.schema(this.#name));
    return this.#schema;
  }

  get printer(): TablePrinter {
    this.#printer ??= newPrinter(this.#definition.versionSpec(this.#name).additionalPrinterColumns ?? []);
    return this.#printer;
  }

  decode(value: unknown): DecodedObject {
    return decodeCustom(value, this.#decoding(this.#name));
  }

  admitted(object: UnstructuredObject): UnstructuredObject {
    const copy = deepCopy(object);
    mendAdmitted(copy, this.#decoding(this.#name));
    return copy;
  }

  applyDefaults(object: UnstructuredObject): void {
    applyDefaults(object, this.#definition.schema(this.#name));
  }

  prepareValidation(
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
  ): Promise<void> | undefined {
    return this.#objectRules.prepare(object, old);
  }

  validateCreate(object: UnstructuredObject): FieldError[] {
    return this.#objectRules.create(object);
  }

  validateUpdate(object: UnstructuredObject, old: UnstructuredObject, subresource: string): FieldError[] {
    return subresource === "status"
      ? this.#objectRules.updateStatus(object, old)
      : this.#objectRules.update(object, old);
  }

  takeForgiven(): string[] {
    return this.#objectRules.takeWarnings();
  }

  warnings(object: UnstructuredObject, old: UnstructuredObject | undefined): string[] {
    return finalizerWarnings(object, old);
  }

  toStorage(object: UnstructuredObject): UnstructuredObject | Promise<UnstructuredObject> {
    const { storageVersion, converts } = this.#definition;
    const apiVersion = this.#definition.apiVersion(storageVersion);
    if (object.apiVersion === apiVersion) return object;
    if (converts === undefined) return this.#renamed(object, storageVersion);
    return converts([object], apiVersion).then(([converted]) => {
      if (converted === undefined) throw newInternalError("the conversion made nothing of the object");
      repairCustom(converted, this.#decoding(storageVersion));
      return converted;
    });
  }

  selectableField(field: string): ((object: UnstructuredObject) => string) | undefined {
    return selectableReader(this.#definition.versionSpec(this.#name).selectableFields ?? [], field);
  }

  get #objectRules(): ObjectRules {
    this.#rules ??= new ObjectRules({
      apiVersion: this.#definition.apiVersion(this.#name),
      kind: this.#definition.kind,
      namespaced: this.#definition.spec.scope === "Namespaced",
      schema: this.#definition.schema(this.#name),
      scale: this.#definition.versionSpec(this.#name).subresources?.scale,
      metrics: this.#definition.metrics,
    });
    return this.#rules;
  }

  #decoding(version: string): Decoding {
    return {
      schema: this.#definition.schema(version),
      preservesUnknown: this.#definition.spec.preserveUnknownFields === true,
    };
  }

  /** What is stored, as the schema of its version reads it now. */
  #repaired(object: UnstructuredObject): UnstructuredObject {
    const version = object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
    const copy = deepCopy(object);
    repairCustom(copy, this.#decoding(version));
    applyDefaults(copy, this.#definition.schema(version));
    return deepEqual(copy, object) ? object : copy;
  }

  #read(object: UnstructuredObject): UnstructuredObject {
    const repaired = this.#repaired(object);
    if (object.apiVersion === this.#definition.apiVersion(this.#name)) return repaired;
    if (this.#definition.converts !== undefined) {
      throw newInternalError(`an object of ${object.apiVersion} was not converted to ${this.#name}`);
    }
    return this.#renamed(repaired, this.#name);
  }

  /** Conversion by nobody: the same object, of another version, and what that does not know is cut off. */
  #renamed(object: UnstructuredObject, version: string): UnstructuredObject {
    const copy = deepCopy(object);
    copy.apiVersion = this.#definition.apiVersion(version);
    repairCustom(copy, this.#decoding(version));
    return copy;
  }

  async #convertAll(
    objects: readonly UnstructuredObject[],
    converts: (objects: readonly UnstructuredObject[], to: string) => Promise<UnstructuredObject[]>,
  ): Promise<UnstructuredObject[]> {
    const repaired = objects.map((object) => this.#repaired(object));
    const converted = await converts(repaired, this.#definition.apiVersion(this.#name));
    for (const object of converted) repairCustom(object, this.#decoding(this.#name));
    return converted;
  }
}
