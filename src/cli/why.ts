import { RealClock } from "../apimachinery/clock.ts";
import { RestMapper } from "../kubectl/rest-mapper.ts";
import { type Answer, explain, explainAll, printAnswer } from "../why/index.ts";
import { type Command, CommandError, text, usageExitCode } from "./command.ts";
import { noSuchKind, objectOf, targetOptions, withTarget } from "./target.ts";

export const whyCommand: Command = {
  name: "why",
  usage: "why [KIND/NAME] [-n NAMESPACE | -A]",
  summary: "tell why something is not ready, and what to do next",
  description:
    "Tells why something is not ready: follows conditions, events, owners and admission from it to the reason, and\n" +
    "names the next step. Without a name, all that is not as it should be. Works with any Kubernetes.\n" +
    "Ends with 0 when all is well, with 1 when it is not.",
  options: {
    ...targetOptions,
    "all-namespaces": {
      type: "boolean",
      short: "A",
      description: "without a name: look into all namespaces, and at the cluster itself",
    },
    output: { type: "string", short: "o", value: "FORMAT", description: "json, for programs" },
  },
  examples: [
    "sampan why deployment/web         # from the Deployment to the reason",
    "sampan why pod web-1 -n shop",
    "sampan why -A                     # whatever is wrong in the cluster",
  ],
  maxArguments: 2,
  async run(options, positionals, io) {
    const output = text(options, "output");
    if (output !== "" && output !== "json")
      throw new CommandError(`"${output}" is no format`, { remedy: "use -o json", exitCode: usageExitCode });
    const named = objectOf("why", positionals);
    return await withTarget(options, io, async ({ client, namespace }) => {
      const sources = { client, finder: new RestMapper(client.transport), nowMs: new RealClock().now() };
      let answers: readonly Answer[];
      if (named === undefined) {
        answers = await explainAll(sources, options["all-namespaces"] === true ? "" : namespace);
      } else {
        const answer = await explain(sources, { ...named, namespace });
        if (answer === undefined) throw noSuchKind(named.resource);
        answers = [answer];
      }
      if (output === "json")
        io.out(`${JSON.stringify(named === undefined ? answers : answers[0], undefined, 2)}\n`);
      else if (answers.length === 0) io.out(allWell(options["all-namespaces"] === true, namespace));
      else io.out(answers.map(printAnswer).join("\n"));
      return answers.every(({ reason }) => reason.state === "fine") ? 0 : 1;
    });
  },
};

const allWell = (everywhere: boolean, namespace: string): string =>
  `All is well in ${everywhere ? "the cluster" : `namespace "${namespace}"`}: nothing waits and nothing fails.\n`;
