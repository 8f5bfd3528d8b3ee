import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const clock = new RealClock();
let running: TestServer;
let https: HttpsFixture;

beforeAll(async () => {
  running = await startTestServer({ clock });
  https = await listenForTest(running.server, clock.now());
});
afterAll(() => https.close());

const seatsTaken = (): string[] =>
  running.server.metrics
    .text()
    .split("\n")
    .filter((line) => /^apiserver_flowcontrol_current_executing_seats\{.*\} [1-9]/.test(line));

test("a client that was answered before its body came, and goes, is waited for no longer", async () => {
  const socket = connect({ host: "127.0.0.1", port: https.port, ca: https.authority.certificate });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  const path = "/api/v1/namespaces/default/configmaps?timeout=30ms";
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin\r\ncontent-length: 30\r\n\r\n{"met`,
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 504 /);
  expect(seatsTaken()).toHaveLength(1);
  socket.destroy();
  await vi.waitFor(() => expect(seatsTaken()).toEqual([]));
});
