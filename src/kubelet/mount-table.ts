import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** The mount points at a directory and below it, from the kernel's table. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  // A node with many pods has hundreds of mounts, and few paths have something to unescape.
  const points = table.split("\n").map((line) => {
    const point = line.split(" ", 5)[4] ?? "";
    return point.includes("\\") ? unescape(point) : point;
  });
  return points.filter((point) => point === directory || point.startsWith(`${directory}/`));
}

/**
 * Whether a filesystem of its own is mounted at the directory, as memory always is. Does not ask for the kernel's table,
 * which is written anew for each reader and holds up those who mount meanwhile.
 */
export async function hasOwnFilesystem(directory: string): Promise<boolean> {
  try {
    const [own, parent] = await Promise.all([stat(directory), stat(dirname(directory))]);
    return own.dev !== parent.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** The kernel writes blanks and the like as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
