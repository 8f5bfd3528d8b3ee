import { afterEach, beforeEach, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { newServiceUnavailable } from "../apimachinery/status.ts";
import { newClient } from "./client.ts";
import { LeaderElector } from "./leader-elector.ts";
import { resources } from "./resources.ts";
import { FakeTransport } from "./testing/fake-transport.ts";

let clock: VirtualClock;
let transport: FakeTransport;
let log: string[];
let stops: AbortController[];

beforeEach(() => {
  clock = new VirtualClock();
  transport = new FakeTransport({ clock });
  log = [];
  stops = [];
});
afterEach(() => {
  for (const stop of stops) stop.abort();
});

function candidate(identity: string, through = transport) {
  const stop = new AbortController();
  stops.push(stop);
  const elector = new LeaderElector({
    client: newClient(through),
    clock,
    random: new SeededRandom(identity.charCodeAt(0)),
    identity,
    namespace: "kube-system",
    name: "manager",
    onStartedLeading: (signal) => {
      log.push(`${identity} leads`);
      signal.addEventListener("abort", () => log.push(`${identity} must stop`), { once: true });
    },
  });
  void elector.run(stop.signal);
  return { elector, stop };
}

const lease = () => transport.get(resources.leases, "manager", "kube-system");

it("the first candidate leads and renews; the second waits", async () => {
  const a = candidate("a");
  await clock.advance(0);
  const b = candidate("b");
  await clock.advance(60_000);
  expect(log).toEqual(["a leads"]);
  expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
  expect(lease()?.spec).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 });
});

it("a leader that stops lets go, and the next one follows at its next try", async () => {
  const a = candidate("a");
  await clock.advance(0);
  candidate("b");
  await clock.advance(10_000);
  a.stop.abort();
  await clock.advance(5_000);
  expect(log).toEqual(["a leads", "a must stop", "b leads"]);
  expect(lease()?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
});

it("a leader that cannot renew stops before another may start", async () => {
  const a = candidate("a");
  await clock.advance(0);
  candidate("b");
  await clock.advance(4_000);
  transport.react(({ method }) => {
    if (method === "PUT" && lease()?.spec?.holderIdentity === "a" && !log.includes("a must stop")) {
      throw newServiceUnavailable("cut off");
    }
  });
  await clock.advance(60_000);
  expect(log.slice(0, 2)).toEqual(["a leads", "a must stop"]);
  expect(a.elector.isLeader() || log.includes("b leads")).toBe(true);
});

it("a lease that nobody renews is taken over after its duration on our own clock", async () => {
  transport.seed({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "manager", namespace: "kube-system" },
    // The other machine's clock is far ahead: it is not compared with ours.
    spec: { holderIdentity: "gone", leaseDurationSeconds: 15, renewTime: "2030-01-01T00:00:00.000000Z" },
  });
  candidate("a");
  await clock.advance(14_000);
  expect(log).toEqual([]);
  await clock.advance(10_000);
  expect(log).toEqual(["a leads"]);
});
