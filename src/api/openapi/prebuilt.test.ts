import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { builtinScheme } from "../builtin-scheme.ts";
import {
  loadPrebuilt,
  type OpenApiForm,
  type OpenApiSource,
  openApiDocuments,
  prebuildOpenApi,
  prebuiltBeside,
  prebuiltName,
} from "./index.ts";

const scheme = builtinScheme();
const source: OpenApiSource = {
  resources: scheme.resources({ group: "apps", version: "v1" }),
  schemas: scheme.schemas,
  version: "v1.36.0",
};
const forms: OpenApiForm[] = ["json", "protobuf"];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "prebuilt-"));
  await writeFile(join(folder, prebuiltName), await prebuildOpenApi(source));
});
afterEach(() => rm(folder, { recursive: true }));

/** Nothing can be written of schemas that are not there: what is answered was written before. */
const without: OpenApiSource = { ...source, schemas: { get: () => undefined } };

it("what was written when the program was built says what would be written now", async () => {
  const prebuilt = await loadPrebuilt(join(folder, prebuiltName));
  if (prebuilt === undefined) throw new Error("there is no file");
  const written = await openApiDocuments(source);
  const read = await openApiDocuments({ ...without, prebuilt });
  for (const form of forms) {
    const [now, before] = [await written.v2(form), await read.v2(form)];
    expect(before.hash).toBe(now.hash);
    expect((await before.plain()).equals(await now.plain())).toBe(true);
  }
  expect(await read.ownV2()).toMatchObject({ ...(await written.ownV2()), hasPath: expect.any(Function) });
});

it.each<[string, Partial<OpenApiSource>]>([
  ["another version", { version: "v1.37.0" }],
  ["prose", { descriptions: {} }],
  ["other resources", { resources: scheme.resources({ group: "batch", version: "v1" }) }],
])("what was written for others is not used for %s", async (_what, changed) => {
  const prebuilt = await loadPrebuilt(join(folder, prebuiltName));
  expect(prebuilt?.unit("json", source)).toBeDefined();
  expect(prebuilt?.unit("json", { ...source, ...changed })).toBeUndefined();
});

it("where there is no such file nothing was written before", async () => {
  expect(await loadPrebuilt(join(folder, "none"))).toBeUndefined();
});

it("the file lies beside the prose", () => {
  const prose = join(folder, "descriptions.json");
  expect(prebuiltBeside(prose)).toBe(join(folder, prebuiltName));
  expect(prebuiltBeside(pathToFileURL(prose))).toEqual(pathToFileURL(join(folder, prebuiltName)));
});
