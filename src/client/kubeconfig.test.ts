import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  inClusterConfig,
  KubeconfigError,
  kubeconfigPaths,
  kubeconfigPathToWrite,
  loadKubeconfig,
  removeContext,
  renewCredentials,
  resolveContext,
  writeContext,
} from "./kubeconfig.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sampan-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const sample = `
apiVersion: v1
kind: Config
current-context: a
clusters:
- name: one
  cluster: {server: "https://one:6443", certificate-authority-data: ${base64("CA")}}
contexts:
- name: a
  context: {cluster: one, user: jane, namespace: shop}
- name: b
  context: {cluster: one, user: nobody}
users:
- name: jane
  user: {client-certificate: jane.crt, client-key-data: ${base64("KEY")}, token: t}
extensions: [{name: other, extension: {keep: me}}]
`;

describe("loadKubeconfig() and resolveContext()", () => {
  it("read certificates, embedded or relative to the file", () => {
    file("jane.crt", "CERT");
    const resolved = resolveContext(loadKubeconfig([file("config", sample)]));
    expect(resolved).toEqual({
      name: "a",
      namespace: "shop",
      transport: {
        server: "https://one:6443",
        ca: "CA",
        clientCertificate: "CERT",
        clientKey: "KEY",
        token: "t",
      },
    });
  });

  it("let the first file that names something win, and skip missing ones", () => {
    const first = file(
      "first",
      `current-context: b\ncontexts:\n- name: a\n  context: {cluster: two, user: joe}\n`,
    );
    const config = loadKubeconfig([join(directory, "none"), first, file("config", sample)]);
    expect(config.currentContext).toBe("b");
    expect(config.contexts.get("a")).toEqual({ cluster: "two", user: "joe" });
    expect(config.clusters.get("one")?.server).toBe("https://one:6443");
  });

  it.each([
    ["no current context", "clusters: []", {}, "current-context is not set"],
    ["an unknown context", sample, { context: "z" }, 'context "z" does not exist'],
    ["an unknown user", sample, { context: "b" }, 'auth info "nobody" does not exist'],
    [
      "an exec plugin",
      sample.replace("client-certificate: jane.crt,", "exec: {command: aws},"),
      {},
      'user "jane" asks for the exec plugin "aws": exec plugins are not supported yet',
    ],
    [
      "an auth provider",
      sample.replace("client-certificate: jane.crt,", "auth-provider: {name: gcp},"),
      {},
      'user "jane" asks for the auth provider "gcp", which is not supported',
    ],
  ])("refuse %s by name", (_, text, choice, message) => {
    const config = loadKubeconfig([file("config", text)]);
    expect(() => resolveContext(config, choice)).toThrow(new KubeconfigError(message));
  });

  it("refuse broken YAML with the file's name", () => {
    const path = file("config", "a: [");
    expect(() => loadKubeconfig([path])).toThrow(`error loading config file "${path}"`);
  });

  it("do without an authority when verification is off", () => {
    const text = sample.replace(/certificate-authority-data: \S+}/, "insecure-skip-tls-verify: true}");
    file("jane.crt", "CERT");
    const { transport } = resolveContext(loadKubeconfig([file("config", text)]));
    expect(transport.insecureSkipTlsVerify).toBe(true);
    expect(transport.ca).toBeUndefined();
  });
});

describe("paths", () => {
  it("come from KUBECONFIG, else from the home folder", () => {
    expect(kubeconfigPaths({ KUBECONFIG: "/a::/b:/a" })).toEqual(["/a", "/b"]);
    expect(kubeconfigPaths({ HOME: "/home/jane" })).toEqual(["/home/jane/.kube/config"]);
  });

  it("to write is the first that exists, else the last", () => {
    const existing = file("b", "");
    const list = [join(directory, "a"), existing, join(directory, "c")].join(":");
    expect(kubeconfigPathToWrite({ KUBECONFIG: list })).toBe(existing);
    expect(kubeconfigPathToWrite({ KUBECONFIG: "/no/a:/no/b" })).toBe("/no/b");
  });
});

describe("writeContext()", () => {
  const context = {
    name: "sampan",
    server: "https://127.0.0.1:6443",
    ca: "CA",
    clientCertificate: "CERT",
    clientKey: "KEY",
  };

  it("makes the file and its folder, readable by the owner only", () => {
    const path = join(directory, "new", "config");
    writeContext(path, context);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(resolveContext(loadKubeconfig([path]))).toMatchObject({
      name: "sampan",
      namespace: "default",
      transport: { server: context.server, ca: "CA", clientCertificate: "CERT", clientKey: "KEY" },
    });
  });

  it("replaces its own entries and keeps all others", () => {
    const path = file("config", sample);
    writeContext(path, context);
    writeContext(path, { ...context, server: "https://127.0.0.1:7443" });
    const config = loadKubeconfig([path]);
    expect([...config.contexts.keys()]).toEqual(["a", "b", "sampan"]);
    expect(config.currentContext).toBe("sampan");
    expect(config.clusters.get("sampan")?.server).toBe("https://127.0.0.1:7443");
    expect(readFileSync(path, "utf8")).toContain("keep: me");
  });

  it("waits for another writer, and names the lock that nobody takes away", () => {
    const path = join(directory, "config");
    const lock = `${path}.lock`;
    const release = `setTimeout(() => require("node:fs").rmSync(${JSON.stringify(lock)}), 100)`;
    writeFileSync(lock, "");
    const other = spawn(process.execPath, ["-e", release]);
    writeContext(path, context);
    expect(loadKubeconfig([path]).contexts.has(context.name)).toBe(true);
    expect(existsSync(lock)).toBe(false);
    other.kill();
    writeFileSync(lock, "");
    expect(() => writeContext(path, context)).toThrow(`remove ${lock}`);
  });

  it("is undone by removeContext()", () => {
    const path = file("config", sample);
    writeContext(path, context);
    removeContext(path, "sampan");
    removeContext(path, "sampan");
    const config = loadKubeconfig([path]);
    expect([...config.contexts.keys()]).toEqual(["a", "b"]);
    expect(config.users.has("sampan")).toBe(false);
    expect(config.currentContext).toBe("");
    removeContext(join(directory, "none"), "sampan");
    expect(existsSync(join(directory, "none"))).toBe(false);
  });
});

describe("renewCredentials()", () => {
  const renewed = {
    ca: "NEW CA",
    clientCertificate: "NEW CERT",
    clientKey: "NEW KEY",
    replacesCa: (pem: string) => pem === "OLD CA",
    replacesClient: (pem: string) => pem === "OLD CERT",
  };
  const text = (ca: string, certificate: string): string => `
apiVersion: v1
kind: Config
current-context: other
clusters:
- name: mine
  cluster: {server: "https://one:6443", certificate-authority-data: ${base64(ca)}, proxy-url: "http://p"}
- name: other
  cluster: {server: "https://two:6443", certificate-authority-data: ${base64("OTHER CA")}}
contexts:
- name: renamed
  context: {cluster: mine, user: me, namespace: shop}
users:
- name: me
  user: {client-certificate-data: ${base64(certificate)}, client-key-data: ${base64("OLD KEY")}}
- name: jane
  user: {client-certificate-data: ${base64("JANE")}, client-key-data: ${base64("JANE'S KEY")}}
- name: token
  user: {token: t}
`;

  it("takes the place of old ones under whatever name, and leaves all else as it is", () => {
    const path = file("config", text("OLD CA", "OLD CERT"));
    expect(renewCredentials(path, renewed)).toBe(true);
    const config = loadKubeconfig([path]);
    expect(resolveContext(config, { context: "renamed" })).toMatchObject({
      namespace: "shop",
      transport: { ca: "NEW CA", clientCertificate: "NEW CERT", clientKey: "NEW KEY" },
    });
    expect(config.currentContext).toBe("other");
    expect(config.clusters.get("mine")).toMatchObject({ "proxy-url": "http://p" });
    expect(config.clusters.get("other")?.["certificate-authority-data"]).toBe(base64("OTHER CA"));
    expect(config.users.get("jane")?.["client-key-data"]).toBe(base64("JANE'S KEY"));
    expect(config.users.get("token")).toEqual({ token: "t" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it.each([
    ["what is new already", "NEW CA", "NEW CERT"],
    ["what is another cluster's", "ITS CA", "ITS CERT"],
  ])("does not write a file that has %s", (_, ca, certificate) => {
    const path = file("config", text(ca, certificate));
    const before = readFileSync(path, "utf8");
    expect(renewCredentials(path, renewed)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("has nothing to do where there is no file, and does not wait for another writer", () => {
    expect(renewCredentials(join(directory, "none"), renewed)).toBe(false);
    const path = file("config", text("OLD CA", "OLD CERT"));
    writeFileSync(`${path}.lock`, "");
    expect(() => renewCredentials(path, renewed)).toThrow(`remove ${path}.lock`);
  });
});

it("inClusterConfig() reads the service account of a pod", () => {
  file("token", "t");
  file("ca.crt", "CA");
  file("namespace", "shop\n");
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  expect(inClusterConfig(environment, directory)).toEqual({
    name: "in-cluster",
    namespace: "shop",
    transport: { server: "https://[fd00::1]:443", ca: "CA", tokenFile: join(directory, "token") },
  });
  expect(inClusterConfig({}, directory)).toBeUndefined();
});
