import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkWebhookKubeconfig } from "./webhook-kubeconfig.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "settings-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("paths of a reviewer's kubeconfig stay right when it is kept elsewhere", () => {
  const file = join(directory, "webhook");
  const text = `
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1/x", certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: /etc/c.crt, client-key: keys/c.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;
  for (const [name, content] of [["ca.crt", "x"]] as const) writeFileSync(join(directory, name), content);
  writeFileSync(file, text.replace(/^users.*$/m, "users: [{name: u, user: {}}]"));
  const kept = checkWebhookKubeconfig(text, file);
  expect(kept).toContain(`certificate-authority: ${join(directory, "ca.crt")}`);
  expect(kept).toContain("client-certificate: /etc/c.crt");
  expect(kept).toContain(`client-key: ${join(directory, "keys/c.key")}`);
});

test("a kubeconfig that leads nowhere is refused", () => {
  const file = join(directory, "webhook");
  writeFileSync(file, "clusters: []\n");
  expect(() => checkWebhookKubeconfig("clusters: []\n", file)).toThrow("current-context is not set");
});
