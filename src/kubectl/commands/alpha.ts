import type { KubectlCommand } from "../command.ts";

export const alphaCommand: KubectlCommand = {
  usage: "",
  summary: "Commands for features in alpha",
  run: ({ io }) => {
    io.err("No alpha commands are available in this version of kubectl\n");
    return Promise.resolve();
  },
};
