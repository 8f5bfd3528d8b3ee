import { type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError } from "../errors.ts";

const shells = ["bash", "fish", "powershell", "zsh"];

export const completionCommand: KubectlCommand = {
  usage: "SHELL",
  summary: "Output shell completion code for the specified shell (bash, zsh, fish)",
  run: async ({ args, io, path }) => {
    const [shell, ...rest] = args;
    if (shell === undefined) throw new KubectlError(`Shell not specified.\n${usageHint(path)}`);
    if (rest.length > 0) {
      throw new KubectlError(`Too many arguments. Expected only the shell type.\n${usageHint(path)}`);
    }
    if (!shells.includes(shell)) {
      throw new KubectlError(`Unsupported shell type ${JSON.stringify(shell)}.\n${usageHint(path)}`);
    }
    const { completionScripts } = await import("../completion/scripts.ts");
    const script = completionScripts[shell];
    if (script === undefined) throw new KubectlError(`completion of ${shell} is not part of this client`);
    io.out(script);
  },
};

/** What the scripts call: the words so far, the last of them unfinished. */
export const completeCommand: KubectlCommand = {
  usage: "WORD...",
  summary: "Print what the last word may become",
  takesAllWords: true,
  run: async ({ args, io, session }) => {
    const { complete } = await import("../completion/complete.ts");
    const words = await complete(session, args);
    io.out(words.map((word) => `${word}\n`).join(""));
  },
};
