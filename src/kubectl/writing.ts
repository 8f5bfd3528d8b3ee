import type { UnstructuredObject } from "../apimachinery/object.ts";
import { KubectlError } from "./errors.ts";
import { type FlagSpecs, type Flags, parseBool } from "./flags.ts";

/** `--dry-run` and `--field-manager`, which every command that writes has. */
export const dryRunFlag: FlagSpecs = {
  "dry-run": { type: "string", default: "none", optional: "unchanged", help: "none, server or client" },
};

/** Flags of commands that send whole objects. */
export const validateFlag: FlagSpecs = {
  validate: { type: "string", default: "strict", optional: "strict", help: "strict, warn or ignore" },
};

export const fieldManagerFlag = (manager: string): FlagSpecs => ({
  "field-manager": { type: "string", default: manager, help: "who owns the fields that are written" },
});

export type DryRun = "none" | "client" | "server";

/** What `--dry-run` asks for. */
export function dryRunOf(flags: Flags): DryRun {
  const value = flags.string("dry-run");
  if (value === "none" || value === "client" || value === "server") return value;
  if (value === "unchanged") {
    flags.set("dry-run", "client");
    return "client";
  }
  throw new KubectlError(`Invalid dry-run value (${value}). Must be "none", "server", or "client".`);
}

/** The query of a write. */
export function writeQuery(flags: Flags): Record<string, string | undefined> {
  const validate = flags.has("validate") ? flags.string("validate") : "";
  const manager = flags.has("field-manager") ? flags.string("field-manager") : "";
  return {
    dryRun: flags.has("dry-run") && dryRunOf(flags) === "server" ? "All" : undefined,
    fieldManager: manager === "" ? undefined : manager,
    fieldValidation: validate === "" ? undefined : fieldValidation(validate),
  };
}

function fieldValidation(value: string): string {
  if (value === "strict" || value === "warn" || value === "ignore") {
    return value.charAt(0).toUpperCase() + value.slice(1);
  }
  const flag = parseBool(value);
  if (flag === undefined) {
    throw new KubectlError(
      `invalid - validate option ${JSON.stringify(value)}; must be one of: strict (or true), warn, ignore (or false)`,
    );
  }
  return flag ? "Strict" : "Ignore";
}

/** One object as itself, several as a list: how `-o` prints what a command has written. */
export function asListIfSeveral(objects: readonly UnstructuredObject[]): unknown {
  if (objects.length === 1) return objects[0];
  return { apiVersion: "v1", items: objects, kind: "List", metadata: {} };
}
