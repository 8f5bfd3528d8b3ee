import type { KubectlCommand } from "../command.ts";
import { flagLines } from "../help.ts";
import { globalFlags } from "../session.ts";

export const optionsCommand: KubectlCommand = {
  usage: "",
  summary: "Print the list of flags inherited by all commands",
  run: ({ io }) => {
    io.out(`The following options can be passed to any command:\n\n${flagLines(globalFlags).join("\n\n")}\n`);
    return Promise.resolve();
  },
};
