import { describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { newLogger } from "./log.ts";

function capture(level: "debug" | "info" | "warn" | "error") {
  const lines: string[] = [];
  return { lines, logger: newLogger(new VirtualClock(0), level, (line) => lines.push(line)) };
}

describe("newLogger()", () => {
  it("writes one line with time, level, component and fields", () => {
    const { lines, logger } = capture("info");
    logger.named("kubelet").info("pod started", { pod: "default/web-0", tookMs: 12, note: "two words" });
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z info  kubelet: pod started pod=default/web-0 tookMs=12 note="two words"\n',
    ]);
  });

  it("keeps lines below its level back", () => {
    const { lines, logger } = capture("warn");
    logger.info("quiet");
    logger.debug("quieter");
    logger.warn("heard");
    expect(lines).toHaveLength(1);
  });

  it("withholds what its name calls a secret", () => {
    const { lines, logger } = capture("info");
    logger.info("login", { token: "abc", password: "def", error: new Error("no route") });
    expect(lines.join("")).not.toMatch(/abc|def/);
    expect(lines.join("")).toContain('error="no route"');
  });
});
