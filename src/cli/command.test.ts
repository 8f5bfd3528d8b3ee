import { describe, expect, it } from "vitest";
import { type Command, CommandError, helpText, type Io, nameOption, runCommand, text } from "./command.ts";
import { commands } from "./index.ts";
import { overview } from "./overview.ts";
import { newServerCommand } from "./server.ts";

function capture() {
  const written: string[] = [];
  const io: Io = {
    out: (line) => written.push(line),
    error: (line) => written.push(line),
    interactive: false,
    environment: {},
  };
  return { io, written };
}

const echo: Command = {
  name: "echo",
  usage: "echo [WORD]",
  summary: "repeat a word",
  options: { name: nameOption, loud: { type: "boolean", short: "l", description: "in capitals" } },
  examples: ["sampan echo hello"],
  maxArguments: 1,
  run: (options, [word = ""], io) => {
    const said = options["loud"] === true ? word.toUpperCase() : word;
    io.out(`${text(options, "name")}: ${said}`);
    return Promise.resolve(0);
  },
};

/** Tells how its options were understood. */
const denying: Command = {
  ...echo,
  options: {
    space: { type: "boolean", isOn: true, description: "nothing between the words" },
    "no-name": { type: "boolean", description: "without the name" },
  },
  run: (options, _positionals, io) => {
    io.out(`${String(options["space"])} ${String(options["no-name"])}`);
    return Promise.resolve(0);
  },
};

describe("runCommand()", () => {
  it.each([
    [[], "undefined undefined"],
    [["--space"], "true undefined"],
    [["--space=true"], "true undefined"],
    [["--no-space"], "false undefined"],
    [["--space=false"], "false undefined"],
    [["--no-name"], "undefined true"],
  ])("takes %j: what is on is denied, and what begins with no- is itself", async (argv, said) => {
    const { io, written } = capture();
    expect(await runCommand(denying, argv, io)).toBe(0);
    expect(written).toEqual([said]);
    expect(helpText(denying)).toContain("--no-space");
  });

  it("hands options with their defaults and the arguments on", async () => {
    const { io, written } = capture();
    expect(await runCommand(echo, ["-l", "hello"], io)).toBe(0);
    expect(written).toEqual(["sampan: HELLO"]);
  });

  it.each([["--help"], ["-h"], ["word", "--help"]])(
    "%s prints the help and runs nothing",
    async (...argv) => {
      const { io, written } = capture();
      expect(await runCommand(echo, argv, io)).toBe(0);
      expect(written.join("")).toBe(helpText(echo));
    },
  );

  it.each([
    [["--nonsense"], /Unknown option '--nonsense'/],
    [["--name"], /--name/],
    [["one", "two"], /unexpected argument "two"/],
  ])("refuses %j with exit code 2 and the next step", async (argv, message) => {
    const failure = await runCommand(echo, argv, capture().io).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandError);
    expect((failure as CommandError).message).toMatch(message);
    expect((failure as CommandError).exitCode).toBe(2);
    expect((failure as CommandError).remedy).toMatch(/sampan echo/);
  });
});

describe("helpText()", () => {
  it("shows usage, examples and options with their defaults", () => {
    expect(helpText(echo)).toBe(`repeat a word.

Usage:
  sampan echo [WORD]

Examples:
  sampan echo hello

Options:
      --name NAME  the cluster's name; several live side by side (default sampan)
  -l, --loud       in capitals
`);
  });
});

describe("options", () => {
  const grouped: Command = {
    ...echo,
    options: {
      ...echo.options,
      claim: { type: "string", value: "KEY=VALUE", description: "a claim", repeats: true, group: "Claims" },
    },
    run: (options, _positionals, io) => {
      io.out(text(options, "claim"));
      return Promise.resolve(0);
    },
  };

  it("that repeat are joined by commas", async () => {
    const { io, written } = capture();
    await runCommand(grouped, ["--claim", "a=1", "--claim=b=2"], io);
    await runCommand(grouped, ["--claim="], io);
    await runCommand(grouped, [], io);
    expect(written).toEqual(["a=1,b=2", "", ""]);
  });

  it("of a group have their own heading in the help", () => {
    expect(helpText(grouped)).toMatch(/in capitals\n\nClaims:\n {6}--claim KEY=VALUE  a claim\n$/);
  });
});

describe("the list of commands", () => {
  it.each(commands.map((entry) => [entry.name, entry] as const))(
    "%s has help with an example",
    async (name, entry) => {
      const command = (await entry.load?.()) ?? newServerCommand();
      expect(command.name).toBe(name);
      expect(command.summary).toBe(entry.summary);
      expect(command.examples.length).toBeGreaterThan(0);
      expect(command.usage.startsWith(name)).toBe(true);
    },
  );

  it("is what the overview shows", () => {
    const shown = overview(commands);
    for (const { name, summary } of commands) expect(shown).toContain(`${name.padEnd(10)}  ${summary}`);
  });
});
