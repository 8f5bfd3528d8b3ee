/**
 * What a Node process can push through TLS sockets when it does nothing else: answers `/blob` with the bytes of a file,
 * keeps connections to `/watch`, and writes a line to all of them for each message `{ lines: N }` from its parent. The
 * yardstick for lists and watches.
 */
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";

const [keyFile = "", certFile = "", blobSize = "0", lineSize = "0"] = process.argv.slice(2);
const blob = Buffer.alloc(Number(blobSize), "x");
const line = Buffer.from(`${"x".repeat(Math.max(Number(lineSize) - 1, 1))}\n`);
const watchers = new Set<ServerResponse>();

const server = createServer(
  { key: readFileSync(keyFile), cert: readFileSync(certFile) },
  (request, response) => {
    if (request.url === "/blob") {
      response.writeHead(200, { "content-type": "application/json", "content-length": blob.length });
      response.end(blob);
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    watchers.add(response);
  },
);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : 0 });
});
process.on("message", ({ lines }: { lines: number }) => {
  for (let n = 0; n < lines; n++) for (const watcher of watchers) watcher.write(line);
});
process.on("disconnect", () => process.exit(0));
