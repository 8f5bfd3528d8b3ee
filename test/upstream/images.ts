import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BuiltImage, buildImage, imagePath, installBusybox, writeUsers } from "../images/build.ts";
import type { UpstreamPrograms } from "./build.ts";

const registry = "registry.k8s.io/e2e-test-images";

/** The images that Kubernetes' conformance tests ask for, made of Debian packages and Go programs. */
export async function buildUpstreamImages(programs: UpstreamPrograms): Promise<BuiltImage[]> {
  const images: BuiltImage[] = [];
  for (const make of recipes(programs)) images.push(await make());
  return images;
}

/** Programs that tests run inside of agnhost; the rest is busybox. */
const agnhostTools = [
  "curl",
  // That of the static busybox crashes with a time limit.
  "wget",
  "bind9-dnsutils",
  "netcat-openbsd",
  "iproute2",
  "bash",
  "util-linux",
  // getent
  "libc-bin",
];

type Make = () => Promise<BuiltImage>;

function recipes(programs: UpstreamPrograms): Make[] {
  const environment = [`PATH=${imagePath}`];
  const tools = withDependencies(agnhostTools);
  const agnhost = (name: string, config: Readonly<Record<string, unknown>>, packages = tools): Make => {
    return () =>
      buildImage({
        name,
        packages: [...packages, "busybox-static"],
        programs: ["busybox", ...agnhostTools],
        config: { Env: environment, ...config },
        fill: (root) => {
          // Busybox has a netcat too, without the options that tests use, and its shell runs that before any other.
          symlinkSync("nc.openbsd", join(root, "usr/bin/nc"));
          symlinkSync("bash", join(root, "usr/bin/sh"));
          installBusybox(root);
          writeUsers(root);
          addUser(root);
          mkdirSync(join(root, "uploads"), { recursive: true });
          copyFileSync(programs.agnhost, join(root, "agnhost"));
          chmodSync(join(root, "agnhost"), 0o755);
          symlinkSync("agnhost", join(root, "agnhost-2"));
          for (const file of ["localhost.crt", "localhost.key"]) {
            copyFileSync(join(programs.source, "test/images/agnhost/porter", file), join(root, file));
            chmodSync(join(root, file), 0o644);
          }
        },
      });
  };
  const pauses = { Entrypoint: ["/agnhost"], Cmd: ["pause"] };
  return [
    agnhost(`${registry}/agnhost:2.63.0`, pauses),
    agnhost(`${registry}/agnhost:2.55`, pauses),
    // Another C library than agnhost's original asks there; here both have the same.
    agnhost(`${registry}/glibc-dns-testing:2.0.0`, pauses),
    busybox(`${registry}/busybox:1.37.0-1`, { Cmd: ["sh"] }),
    busybox(`${registry}/nonroot:1.5`, { Cmd: ["sh"], User: "1234" }),
    busybox(`${registry}/ipc-utils:1.4`, { Cmd: ["sh"] }),
    busybox(`${registry}/nonewprivs:1.4`, { Cmd: ["nnp"] }, (root) => {
      // A program that root lends its rights: what the kernel leaves of them is what the tests ask for.
      const lent = join(root, "usr/bin/lent-shell");
      copyFileSync(join(root, "usr/bin/bash-static"), lent);
      chmodSync(lent, 0o4755);
      const script = '#!/usr/bin/lent-shell -p\necho "Effective uid: $EUID"\n';
      mkdirSync(join(root, "usr/local/bin"), { recursive: true });
      writeFileSync(join(root, "usr/local/bin/nnp"), script, { mode: 0o755 });
    }),
    busybox("registry.k8s.io/pause:3.10.2", { Entrypoint: ["/pause"] }, (root) => {
      // A shell that reaps and waits: the original is a small C program that does the same.
      const script = "#!/bin/sh\ntrap 'exit 0' TERM INT\nwhile :; do sleep 86400 & wait; done\n";
      writeFileSync(join(root, "pause"), script, { mode: 0o755 });
    }),
    website("nautilus", programs),
    website("kitten", programs),
    nginx(`${registry}/nginx:1.15-4`),
    nginx(`${registry}/nginx:1.27-0`),
    program(`${registry}/sample-apiserver:1.29.2`, programs.sampleApiServer, "sample-apiserver"),
    program("registry.k8s.io/etcd:3.6.8-0", programs.etcd, "usr/local/bin/etcd"),
  ];
}

function busybox(
  name: string,
  config: Readonly<Record<string, unknown>>,
  fill: (root: string) => void = () => undefined,
): Make {
  return () =>
    buildImage({
      name,
      packages: ["busybox-static", "bash-static"],
      programs: ["busybox", "bash-static"],
      config: { Env: [`PATH=${imagePath}`], ...config },
      fill: (root) => {
        // Debian's busybox has a shell that drops variables whose names are no identifiers; tests look for such.
        symlinkSync("../bin/bash-static", join(root, "usr/bin/sh"));
        installBusybox(root);
        writeUsers(root);
        addUser(root);
        fill(root);
      },
    });
}

/** Two versions of one small site, between which a rolling update goes. */
function website(name: string, programs: UpstreamPrograms): Make {
  return () =>
    buildImage({
      name: `${registry}/${name}:1.8`,
      packages: ["busybox-static"],
      programs: ["busybox"],
      config: { Env: [`PATH=${imagePath}`], Entrypoint: ["/agnhost"], Cmd: ["test-webserver"] },
      fill: (root) => {
        installBusybox(root);
        copyFileSync(programs.agnhost, join(root, "agnhost"));
        chmodSync(join(root, "agnhost"), 0o755);
        writeFileSync(join(root, "etc/os-release"), 'NAME="Alpine Linux"\n');
        for (const file of [`${name}.jpg`, "data.json"]) {
          copyFileSync(join(programs.source, "test/images", name, "html", file), join(root, file));
          chmodSync(join(root, file), 0o644);
        }
      },
    });
}

/** One program that needs nothing else. */
function program(name: string, file: string, path: string): Make {
  return () =>
    buildImage({
      name,
      packages: [],
      programs: [],
      config: { Env: [`PATH=${imagePath}`], Entrypoint: [`/${path}`] },
      fill: (root) => {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        copyFileSync(file, join(root, path));
        chmodSync(join(root, path), 0o755);
      },
    });
}

function nginx(name: string): Make {
  return () =>
    buildImage({
      name,
      packages: withDependencies(["nginx-light"]).concat("busybox-static"),
      programs: ["nginx", "busybox"],
      config: { Env: [`PATH=${imagePath}`], Cmd: ["nginx", "-g", "daemon off;"] },
      fill: (root) => {
        installBusybox(root);
        writeUsers(root);
        for (const folder of [
          "var/log/nginx",
          "var/lib/nginx",
          "var/cache/nginx",
          "etc/nginx",
          "usr/share/nginx/html",
        ])
          mkdirSync(join(root, folder), { recursive: true });
        writeFileSync(
          join(root, "etc/nginx/nginx.conf"),
          "events {}\nhttp { access_log /dev/stdout; server { listen 80; location / { root /usr/share/nginx/html; } } }\n",
        );
        writeFileSync(
          join(root, "usr/share/nginx/html/index.html"),
          "<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n",
        );
      },
    });
}

/** The user and group that agnhost's tests of supplemental groups look for. */
function addUser(root: string): void {
  for (const [file, line] of [
    ["passwd", "user-defined-in-image:x:1000:1000::/home/app:/bin/sh"],
    ["group", "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image"],
  ] as const) {
    const path = join(root, "etc", file);
    const kept = execFileSync("grep", ["-v", ":1000:", path], { encoding: "utf8" });
    writeFileSync(path, `${kept}${line}\n`);
  }
}

/** A package and all that it needs. */
function withDependencies(packages: readonly string[]): string[] {
  const only = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(
    (x) => `--no-${x}`,
  );
  const output = execFileSync("apt-cache", ["depends", "--recurse", ...only, ...packages], {
    encoding: "utf8",
  });
  const names = new Set(output.split("\n").filter((line) => /^[a-z]/.test(line)));
  // Programs of the package manager itself are of no use in a container.
  for (const name of ["debconf", "dpkg", "perl-base", "cdebconf"]) names.delete(name);
  return real([...names]);
}

/** Virtual packages have no version of their own. */
function real(names: readonly string[]): string[] {
  const output = execFileSync("apt-cache", ["policy", ...names], { encoding: "utf8" });
  return [...output.matchAll(/^(\S+):\n.*\n {2}Candidate: (?!\(none\))/gm)].map(([, name = ""]) => name);
}
