import type { Readable } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";

const retryMs = 5;

/**
 * Hands input on to what cannot say when it takes more, such as a terminal: `take` returns how many bytes it took now, and
 * is asked again a little later for the rest. `end` follows the input's last byte. Resolves with whether all was taken;
 * false when `done` came first, which closes the input, or when either side failed.
 */
export async function feedInput(
  clock: Clock,
  input: Readable,
  end: Buffer,
  take: (data: Buffer) => number,
  done: AbortSignal,
): Promise<boolean> {
  const close = (): void => void input.destroy();
  const feed = async (data: Buffer): Promise<void> => {
    for (let rest = data; rest.length > 0; ) {
      done.throwIfAborted();
      const taken = take(rest);
      rest = rest.subarray(taken);
      if (taken === 0) await clock.sleep(retryMs, done);
    }
  };
  done.addEventListener("abort", close, { once: true });
  if (done.aborted) close();
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) await feed(chunk);
    await feed(end);
    return true;
  } catch {
    // The client or the container is gone.
    return false;
  } finally {
    done.removeEventListener("abort", close);
  }
}
