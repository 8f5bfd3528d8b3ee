import type { Logger } from "sampan/operator";

/** A line for each message, with its fields. */
const logger = (component: string): Logger => {
  const line =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}): void =>
      console.log(
        level,
        component,
        message,
        ...(Object.keys(fields).length > 0 ? [JSON.stringify(fields)] : []),
      );
  return {
    debug: () => {},
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    named: logger,
  };
};

export const consoleLogger = logger("operator");
