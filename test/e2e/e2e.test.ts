/**
 * The whole program on this machine: real containers, real addresses, the user's own kubectl. All parts are in this one
 * file, one after the other, because they share the machine.
 *
 *   vitest run test/e2e -t "rolling update"
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox, buildNginx } from "../images/build.ts";
import { clientTests } from "./clients.ts";
import { commandLineTests } from "./command-line.ts";
import { containerTests } from "./containers.ts";
import { crashTests } from "./crash.ts";
import { helloTests } from "./hello.ts";
import { machineTests } from "./machine.ts";
import { networkTests } from "./network.ts";
import { rebootTests } from "./reboot.ts";
import { rollingUpdateTests } from "./rolling-update.ts";
import { Home, missingHere, RunningCluster, removeProgram } from "./sampan.ts";
import { snapshotTests } from "./snapshot.ts";
import { statefulSetTests } from "./stateful-set.ts";
import { streamTests } from "./streams.ts";

const missing = missingHere();
if (missing.length > 0) console.log(`skipped: end to end (needs ${missing.join(", ")})`);

describe.skipIf(missing.length > 0)("end to end", () => {
  afterAll(removeProgram);
  helloTests();
  crashTests();
  commandLineTests();
  machineTests();
  rebootTests();
  snapshotTests();

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
      await home.must(["image", "import", ...images.map(({ archive }) => archive), "--name", name]);
      await home.must(["up", "--name", name]);
    }, 180_000);
    afterAll(() => home.leave());

    it("has its node ready", async () => {
      expect(await cluster.waitFor("node --all", "condition=Ready")).toContain("condition met");
    });
    statefulSetTests(() => cluster);
    rollingUpdateTests(() => cluster);
    streamTests(() => cluster);
    clientTests(() => cluster);
    containerTests(() => cluster);
    networkTests(() => cluster);
  });
});
