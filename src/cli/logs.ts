import { createReadStream, existsSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { type Command, CommandError, nameOption, text } from "./command.ts";
import { requireInstance } from "./instances.ts";

export const logsCommand: Command = {
  name: "logs",
  usage: "logs [--follow]",
  summary: "print the log of the cluster's own process",
  options: {
    name: nameOption,
    follow: { type: "boolean", short: "f", description: "go on printing as lines are written" },
  },
  examples: ["sampan logs -f    # watch what the cluster does"],
  maxArguments: 0,
  async run(options, _positionals, io) {
    const file = join(requireInstance(text(options, "name")).directory, "server.log");
    if (!existsSync(file))
      throw new CommandError("the cluster has not written a log yet", { remedy: "start it with: sampan up" });
    let offset = await print(file, 0, io.out);
    if (options["follow"] !== true) return 0;
    const changes = watch(file);
    for await (const _ of onEach(changes)) {
      // A log that became shorter was started anew.
      if (statSync(file).size < offset) offset = 0;
      offset = await print(file, offset, io.out);
    }
    return 0;
  },
};

async function print(file: string, from: number, out: (text: string) => void): Promise<number> {
  let offset = from;
  for await (const chunk of createReadStream(file, { start: from, encoding: "utf8" })) {
    out(String(chunk));
    offset += Buffer.byteLength(String(chunk));
  }
  return offset;
}

async function* onEach(watcher: ReturnType<typeof watch>): AsyncIterable<void> {
  let wake = (): void => {};
  let changed = true;
  watcher.on("change", () => {
    changed = true;
    wake();
  });
  for (;;) {
    if (!changed) await new Promise<void>((resolve) => (wake = resolve));
    changed = false;
    yield;
  }
}
