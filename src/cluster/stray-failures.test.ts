import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { Logger } from "../apimachinery/logger.ts";
import { logStrayFailures } from "./stray-failures.ts";

test("a failure that nobody waits for is logged with its place, until it is undone", () => {
  const errors: string[] = [];
  const nothing = (): void => undefined;
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (message, fields) => errors.push(`${message}: ${String(fields?.["error"])}`),
    named: () => logger,
  };
  const source = new EventEmitter();
  const undo = logStrayFailures(source, logger);
  source.emit("unhandledRejection", new Error("no route to host"));
  source.emit("unhandledRejection", "text");
  expect(errors[0]).toMatch(/^a failure that nobody waits for: Error: no route to host\n +at /);
  expect(errors[1]).toBe("a failure that nobody waits for: text");
  undo();
  source.emit("unhandledRejection", new Error("later"));
  expect(errors).toHaveLength(2);
});
