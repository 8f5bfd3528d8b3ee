import { isObject } from "../../apimachinery/json.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { liveTargets, modifyFlags, selectionFlags } from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

export const setSelectorCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
  summary: "Set the selector on a resource",
  flags: {
    ...modifyFlags("kubectl-set"),
    ...selectionFlags,
    local: { type: "bool", help: "not supported" },
    "resource-version": { type: "string", help: "refuse when the object has another" },
  },
  run: setSelector,
};

async function setSelector(context: CommandContext): Promise<void> {
  const { args, flags, session, io } = context;
  const expression = args.at(-1) ?? "";
  const targets = await liveTargets(context, args.slice(0, -1));
  const selector = parseSelector(expression);
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const { live, ...target } of targets) {
    try {
      if (live.kind !== "Service")
        throw new KubectlError("setting a selector is only supported for Services");
      const before =
        isObject(live["spec"]) && isObject(live["spec"]["selector"]) ? live["spec"]["selector"] : {};
      const gone = Object.fromEntries(
        Object.keys(before)
          .filter((key) => selector[key] === undefined)
          .map((key) => [key, null]),
      );
      const version = flags.string("resource-version");
      const metadata = version === "" ? {} : { metadata: { resourceVersion: version } };
      const patch = { ...metadata, spec: { selector: { ...gone, ...selector } } };
      const object =
        dryRunOf(flags) === "client"
          ? { ...live, spec: { ...(isObject(live["spec"]) ? live["spec"] : {}), selector } }
          : await session.api.patch(target, "merge", patch, writeQuery(flags));
      io.out(print(object, "selector updated"));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

function parseSelector(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [key = "", value, ...rest] = part.split(/==?/);
      if (value === undefined || rest.length > 0 || key.endsWith("!")) {
        throw new KubectlError(
          `couldn't parse the selector string ${JSON.stringify(text)}: only key=value is supported`,
        );
      }
      return [key.trim(), value.trim()];
    }),
  );
}
