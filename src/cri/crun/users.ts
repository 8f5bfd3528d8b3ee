/** Users and groups of an image: numbers for names, from the image's own files. */
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { CriError } from "../runtime.ts";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

export interface UserRequest {
  /** `1000`, `web`, `1000:1000`, `web:www`; empty means root. */
  readonly user: string;
  readonly group?: number;
  readonly supplementalGroups: readonly number[];
}

/** Throws `invalidArgument` when a name is not in the image. */
export function resolveUser(root: string, request: UserRequest): ResolvedUser {
  const [userText = "", groupText] = request.user.split(":");
  const users = parseColonFile(readInRoot(root, "/etc/passwd"));
  const groups = parseColonFile(readInRoot(root, "/etc/group"));
  const wanted = userText === "" ? "0" : userText;
  const isNumber = /^\d+$/.test(wanted);
  const entry = users.find((fields) => (isNumber ? fields[2] === wanted : fields[0] === wanted));
  if (entry === undefined && !isNumber) {
    throw new CriError(
      "invalidArgument",
      `unable to find user ${wanted}: no matching entries in passwd file`,
    );
  }
  const name = entry?.[0];
  const memberships = groups
    .filter((fields) => name !== undefined && (fields[3] ?? "").split(",").includes(name))
    .map((fields) => Number(fields[2]));
  const gid = request.group ?? groupNumber(groups, groupText) ?? Number(entry?.[3] ?? 0);
  return {
    uid: isNumber ? Number(wanted) : Number(entry?.[2] ?? 0),
    gid,
    groups: [...new Set([gid, ...memberships, ...request.supplementalGroups])],
    home: entry?.[5] === undefined || entry[5] === "" ? "/" : entry[5],
  };
}

function groupNumber(groups: readonly string[][], text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const entry = groups.find((fields) => fields[0] === text);
  if (entry === undefined) {
    throw new CriError("invalidArgument", `unable to find group ${text}: no matching entries in group file`);
  }
  return Number(entry[2]);
}

function parseColonFile(text: string | undefined): string[][] {
  return (text ?? "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

const maxUserFileBytes = 4 << 20;

/** Reads a file as the container would see it: links are followed with `root` as the root, never out of it. */
export function readInRoot(root: string, path: string): string | undefined {
  const inside = resolveInRoot(root, path);
  try {
    const status = lstatSync(inside);
    if (!status.isFile() || status.size > maxUserFileBytes) return undefined;
    return readFileSync(inside, "utf8");
  } catch {
    return undefined;
  }
}

/** The host's path of a container's path, with every link on the way resolved below `root`. */
export function resolveInRoot(root: string, path: string): string {
  const pending = path.split("/").reverse();
  let current = "";
  for (let links = 0, part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      current = current.slice(0, Math.max(0, current.lastIndexOf("/")));
      continue;
    }
    const next = `${current}/${part}`;
    const isLink = lstatSync(join(root, next), { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (!isLink) {
      current = next;
      continue;
    }
    if (++links > 255) throw new CriError("invalidArgument", `too many links on the way to ${path}`);
    const target = readlinkSync(join(root, next));
    if (target.startsWith("/")) current = "";
    pending.push(...target.split("/").reverse());
  }
  return join(root, current);
}
