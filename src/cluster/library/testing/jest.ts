import type { EmbeddedCluster } from "../embedded-cluster.ts";
import { type FailedTest, TestCluster, type TestClusterOptions } from "./test-cluster.ts";

/** What `useCluster` answers: the cluster of the test that runs. */
export type CurrentCluster = () => EmbeddedCluster;

/**
 * Gives each test of the file, or of the `describe` that it is called in, a cluster of its own:
 *
 *   const cluster = useCluster({ clock: "virtual", nodes: 3 });
 *
 *   test("a lost node's pods move", async () => {
 *     await cluster().nodes.crash("node-1");
 *     …
 *   });
 *
 * When the test fails, its seed is printed, and what the cluster tells of it.
 */
export function useCluster(options: TestClusterOptions = {}): CurrentCluster {
  const { beforeEach, afterEach } = hooks();
  let own: TestCluster | undefined;
  beforeEach(async () => {
    own = await TestCluster.start(options);
  }, patienceMs);
  afterEach(async () => {
    const ending = own;
    own = undefined;
    const told = await ending?.end(failedTest());
    if (told !== undefined) process.stderr.write(`${told}\n`);
  }, patienceMs);
  return () => {
    if (own !== undefined) return own.cluster;
    throw new Error("useCluster: the cluster is there while a test runs, not before and not after");
  };
}

/** Jest waits five seconds: the first cluster of a process may take longer on a machine that is busy with others. */
const patienceMs = 60_000;

type Hook = (run: () => Promise<void>, timeoutMs: number) => void;
interface Hooks {
  readonly beforeEach: Hook;
  readonly afterEach: Hook;
}

/** Jest's hooks are global, unless its settings say otherwise. */
function hooks(): Hooks {
  const beforeEach: unknown = Reflect.get(globalThis, "beforeEach");
  const afterEach: unknown = Reflect.get(globalThis, "afterEach");
  if (isHook(beforeEach) && isHook(afterEach)) return { beforeEach, afterEach };
  throw new Error(
    "useCluster needs Jest's beforeEach and afterEach as globals: injectGlobals must not be off",
  );
}

/** What jest-circus, Jest's runner, knows of the test that it runs. */
interface CircusState {
  readonly currentlyRunningTest?: { readonly name: string; readonly errors: readonly unknown[] } | null;
}

/**
 * A hook is not told how its test ended; the runner keeps that where its own parts find it, under a symbol among the
 * globals. Another runner has none: then nothing is told of a failure, and the rest works.
 */
function failedTest(): FailedTest | undefined {
  for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
    if (symbol.description !== "JEST_STATE_SYMBOL") continue;
    const { currentlyRunningTest: running }: CircusState = Reflect.get(globalThis, symbol) ?? {};
    const error = running?.errors[0];
    // Each is a pair: what was thrown, and where the test stands.
    if (running && error !== undefined)
      return { name: running.name, error: Array.isArray(error) ? error[0] : error };
  }
  return undefined;
}

const isHook = (value: unknown): value is Hook => typeof value === "function";
