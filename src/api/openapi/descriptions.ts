import { readFile } from "node:fs/promises";
import { isObject } from "../../apimachinery/json.ts";
import type { Descriptions } from "./source.ts";

/**
 * The prose of the built-in types, which the build extracts from the official client into a file beside the bundle.
 * Without the file documents lack descriptions and are otherwise whole, so that is not an error.
 */
export async function loadDescriptions(file: string | URL): Promise<Descriptions | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return isObject(value) ? (value as Descriptions) : undefined;
  } catch (error) {
    if (isObject(error) && error["code"] === "ENOENT") return undefined;
    throw error;
  }
}
