import type { GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { ResourceInfo } from "../scheme.ts";
import { DefinitionWriter } from "./definitions.ts";
import { groupVersionPaths, type PathItem } from "./operations.ts";
import { deflatedPiece, JoinedDocument, type Piece, storedPiece } from "./pieces.ts";
import { type BuiltinUnit, packPrebuilt, type Unit } from "./prebuilt.ts";
import { batches, Slices } from "./slices.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";
import { allPaths, frameOfV2, V2Writer } from "./v2.ts";
import { type Entry, type LongPart, type V2FormName, v2Forms } from "./v2-forms.ts";

/** What other API servers add to the document. The same object as long as it says the same. */
export interface ForeignPart {
  readonly paths: readonly Entry[];
  readonly definitions: readonly Entry[];
  /** Definitions of this server that are to say more than they do, by name. */
  readonly replaced: ReadonlyMap<string, JsonDocument>;
  readonly parameters: JsonDocument;
}

/** What of this server's own document others have to fit in with. */
export interface OwnContent {
  /** Names of all definitions. */
  readonly names: ReadonlySet<string>;
  /** Those of built-in types. */
  readonly definitions: JsonDocument;
  readonly parameters: JsonDocument;
  hasPath(path: string): boolean;
}

type Kept<K extends object, V> = Record<V2FormName, WeakMap<K, Promise<V>>>;

/**
 * The document of version 2. It holds all that is served, and with many custom resources it is long: what is built in, and
 * each custom resource, is written and compressed once, a slice at a time, and a document is their pieces in a row. A
 * change of one definition costs what that definition costs.
 */
export class SecondVersion {
  readonly #facts: OpenApiFacts;
  readonly #builtin: Kept<OpenApiSource["schemas"], BuiltinUnit> = {
    json: new WeakMap(),
    protobuf: new WeakMap(),
  };
  readonly #custom: Kept<ResourceInfo, Unit> = { json: new WeakMap(), protobuf: new WeakMap() };
  readonly #foreign: Kept<ForeignPart, Unit> = { json: new WeakMap(), protobuf: new WeakMap() };

  constructor(facts: OpenApiFacts) {
    this.#facts = facts;
  }

  async document(
    source: OpenApiSource,
    formName: V2FormName,
    kinds: (kind: GroupVersionKind) => string | undefined,
    foreign?: ForeignPart,
  ): Promise<JoinedDocument> {
    const form = v2Forms[formName];
    const builtin = await this.#builtinUnit(source, formName, kinds);
    const units: Unit[] = [builtin];
    const unfinished: Promise<Unit>[] = [];
    for (const resource of source.resources) {
      if (resource.custom === undefined) continue;
      const write = (): Promise<Unit> => this.#writeCustom(source, resource, formName, builtin.names, kinds);
      unfinished.push(kept(this.#custom[formName], resource, write));
      const [oldest] = unfinished.length < atOnce ? [] : unfinished.splice(0, 1);
      if (oldest !== undefined) units.push(await oldest);
    }
    units.push(...(await Promise.all(unfinished)));
    let definitions = units.map((unit) => unit.definitions);
    if (foreign !== undefined) {
      const write = (): Promise<Unit> => this.#writeForeign(source, foreign, formName, kinds);
      const added = await kept(this.#foreign[formName], foreign, write);
      units.push(added);
      const isReplaced = foreign.replaced.size > 0;
      definitions = [...(isReplaced ? definitions.slice(1) : definitions), added.definitions];
    }
    const frame = { ...frameOfV2(source), parameters: { ...builtin.parameters, ...foreign?.parameters } };
    const pieces = [
      storedPiece(form.head(frame)),
      ...joined(
        formName,
        "paths",
        units.map(({ paths }) => paths),
      ),
      ...joined(formName, "definitions", definitions),
      await deflatedPiece(form.tail(frame)),
    ];
    return new JoinedDocument(pieces);
  }

  /** What there is already, for those who add to it. */
  async content(
    source: OpenApiSource,
    kinds: (kind: GroupVersionKind) => string | undefined,
  ): Promise<OwnContent> {
    const builtin = await this.#builtinUnit(source, "json", kinds);
    const own = builtin.definitions === undefined ? [] : [builtin.definitions];
    const text = await new JoinedDocument([storedPiece("{"), ...own, storedPiece("}")]).plain();
    const customs = source.resources.filter(({ custom }) => custom !== undefined);
    const bases = new Set(customs.map(({ group, version }) => `/apis/${group}/${version}`));
    return {
      names: new Set([...builtin.names, ...customs.map(({ schemaName }) => schemaName)]),
      definitions: JSON.parse(text.toString()) as JsonDocument,
      parameters: builtin.parameters,
      hasPath: (path) => builtin.pathNames.has(path) || bases.has(path.split("/").slice(0, 4).join("/")),
    };
  }

  #builtinUnit(
    source: OpenApiSource,
    form: V2FormName,
    kinds: (kind: GroupVersionKind) => string | undefined,
  ): Promise<BuiltinUnit> {
    // The set of schemas lives as long as the scheme whose built-in kinds these are.
    return kept(
      this.#builtin[form],
      source.schemas,
      async () => source.prebuilt?.unit(form, source) ?? this.#writeBuiltin(source, form, kinds),
    );
  }

  /** The built-in part, to be kept in a file; see prebuilt.ts. */
  async pack(
    source: OpenApiSource,
    kinds: (kind: GroupVersionKind) => string | undefined,
  ): Promise<Uint8Array> {
    const json = await this.#writeBuiltin(source, "json", kinds, 9);
    return packPrebuilt(source, { json, protobuf: await this.#writeBuiltin(source, "protobuf", kinds, 9) });
  }

  async #writeBuiltin(
    source: OpenApiSource,
    form: V2FormName,
    kinds: (kind: GroupVersionKind) => string | undefined,
    level?: number,
  ): Promise<BuiltinUnit> {
    const resources = source.resources.filter(({ custom }) => custom === undefined);
    const writer = new V2Writer(new DefinitionWriter({ ...source, resources }, this.#facts, 2));
    const items = allPaths(resources, kinds);
    const paths = await pieceOf(form, "paths", written(items, writer), level);
    for (const name of sharedWithCustoms) writer.definitions.reference(name);
    const all = Object.entries(writer.definitions.definitions()) as Entry[];
    return {
      paths,
      definitions: await pieceOf(form, "definitions", all, level),
      names: new Set(all.map(([name]) => name)),
      pathNames: new Set(items.map(({ path }) => path)),
      parameters: writer.sharedParameters(),
    };
  }

  async #writeCustom(
    source: OpenApiSource,
    resource: ResourceInfo,
    form: V2FormName,
    known: ReadonlySet<string>,
    kinds: (kind: GroupVersionKind) => string | undefined,
  ): Promise<Unit> {
    const alone = { ...source, resources: [resource] };
    const writer = new V2Writer(new DefinitionWriter(alone, this.#facts, 2, known));
    const items = groupVersionPaths(resource, [resource], kinds);
    await source.customReady?.(resource);
    const paths = await pieceOf(form, "paths", written(items, writer));
    const definitions = Object.entries(writer.definitions.definitions()) as Entry[];
    return { paths, definitions: await pieceOf(form, "definitions", definitions) };
  }

  /** Where built-in definitions say more than before, all of them are written with it. */
  async #writeForeign(
    source: OpenApiSource,
    { paths, definitions, replaced }: ForeignPart,
    form: V2FormName,
    kinds: (kind: GroupVersionKind) => string | undefined,
  ): Promise<Unit> {
    const own = replaced.size === 0 ? {} : (await this.content(source, kinds)).definitions;
    const all = Object.entries({ ...own, ...Object.fromEntries(replaced) }) as Entry[];
    return {
      paths: await pieceOf(form, "paths", paths),
      definitions: await pieceOf(form, "definitions", [...all, ...definitions]),
    };
  }
}

/** While some are read and compressed by other threads, the next ones are written. */
const atOnce = 4;

/** What custom resources refer to, whether built-in ones do or not. */
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const sharedWithCustoms = [
  ...["DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status"].map((name) => `${meta}.${name}`),
  "io.k8s.api.autoscaling.v1.Scale",
];

function* written(items: readonly PathItem[], writer: V2Writer): Generator<Entry> {
  for (const item of items.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    yield [item.path, writer.path(item)];
}

/** So many entries are written at once. */
const batchSize = 16;

async function pieceOf(
  form: V2FormName,
  part: LongPart,
  entries: Iterable<Entry>,
  level?: number,
): Promise<Piece | undefined> {
  const slices = new Slices();
  for (const batch of batches(entries, batchSize)) await slices.add(v2Forms[form].entries(part, batch));
  return slices.isEmpty ? undefined : deflatedPiece(slices.joined(v2Forms[form].separator), level);
}

/** One part of the document: all pieces of it, and what stands around and between them. */
function joined(formName: V2FormName, part: LongPart, all: readonly (Piece | undefined)[]): Piece[] {
  const form = v2Forms[formName];
  const present = all.filter((piece) => piece !== undefined);
  const separator = storedPiece(form.separator);
  const sizeBytes = present.reduce((sum, piece) => sum + piece.sizeBytes, 0);
  const pieces = [storedPiece(form.before(part, sizeBytes))];
  for (const [index, piece] of present.entries()) {
    if (index > 0 && form.separator !== "") pieces.push(separator);
    pieces.push(piece);
  }
  if (form.after !== "") pieces.push(storedPiece(form.after));
  return pieces;
}

/** What is being written is not begun again; what failed is. */
function kept<K extends object, V>(map: WeakMap<K, Promise<V>>, key: K, write: () => Promise<V>): Promise<V> {
  let value = map.get(key);
  if (value === undefined) {
    value = write();
    map.set(key, value);
    value.catch(() => map.delete(key));
  }
  return value;
}
