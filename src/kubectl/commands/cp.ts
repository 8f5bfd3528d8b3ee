import type { KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";

export const cpCommand: KubectlCommand = {
  usage: "<file-spec-src> <file-spec-dest>",
  summary: "Copy files and directories to and from containers",
  flags: {
    container: { type: "string", short: "c", help: "in this container" },
    "no-preserve": { type: "bool", help: "do not keep owner and mode" },
    retries: { type: "int", default: 0, help: "accepted" },
  },
  run: () => {
    throw new KubectlError(
      'the command "cp" is not part of this client yet: use `tar` through exec, as in `kubectl exec POD -- tar cf - PATH | tar xf -`',
    );
  },
};
