import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Lines of `time level component: message key=value …`, easy to read and to grep. Fields whose name speaks of a secret are
 * never written out.
 */
export function newLogger(
  clock: Clock,
  level: LogLevel,
  write: (line: string) => void,
  component = "sampan",
): Logger {
  const log = (at: LogLevel, message: string, fields: Record<string, unknown> = {}): void => {
    if (rank[at] < rank[level]) return;
    const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${show(key, value)}`);
    write(
      `${new Date(clock.now()).toISOString()} ${at.padEnd(5)} ${component}: ${message}${pairs.join("")}\n`,
    );
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    named: (name) => newLogger(clock, level, write, name),
  };
}

const secret = /token|password|secret$|authorization|credential|privatekey/i;

function show(key: string, value: unknown): string {
  if (secret.test(key)) return "[withheld]";
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === "string") return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "undefined";
}
