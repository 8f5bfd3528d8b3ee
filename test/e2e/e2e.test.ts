/**
 * The whole program on this machine: real containers, real addresses, the user's own kubectl. All parts are in this one
 * file, one after the other, because they share the machine.
 *
 *   vitest run test/e2e -t "rolling update"
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox, buildNginx } from "../images/build.ts";
import { commandLineTests } from "./command-line.ts";
import { containerTests } from "./containers.ts";
import { crashTests } from "./crash.ts";
import { helloTests } from "./hello.ts";
import { networkTests } from "./network.ts";
import { rollingUpdateTests } from "./rolling-update.ts";
import { Home, missingHere, RunningCluster } from "./sampan.ts";
import { statefulSetTests } from "./stateful-set.ts";
import { streamTests } from "./streams.ts";

const missing = missingHere();
const title = missing.length > 0 ? `end to end (needs ${missing.join(", ")})` : "end to end";

describe.skipIf(missing.length > 0)(`${title}`, () => {
  helloTests();
  crashTests();
  commandLineTests();

  describe("a cluster", () => {
    const name = "e2e";
    let home: Home;
    let cluster: RunningCluster;

    beforeAll(async () => {
      home = new Home();
      cluster = new RunningCluster(home, name);
      const images = [
        await buildBusybox(),
        await buildNginx(),
        await buildNginx(undefined, "first", "First"),
        await buildNginx(undefined, "second", "Second"),
      ];
      const imported = await home.sampan([
        "image",
        "import",
        ...images.map(({ archive }) => archive),
        "--name",
        name,
      ]);
      expect(imported.code, imported.stderr).toBe(0);
      const up = await home.sampan(["up", "--name", name]);
      expect(up.code, up.stderr).toBe(0);
    }, 180_000);
    afterAll(() => home.leave());

    it("has its node ready", async () => {
      await cluster.waitFor("node --all", "condition=Ready");
    });
    statefulSetTests(() => cluster);
    rollingUpdateTests(() => cluster);
    streamTests(() => cluster);
    containerTests(() => cluster);
    networkTests(() => cluster);
  });
});
