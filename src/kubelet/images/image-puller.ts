import type { Pod } from "../../api/types/core-v1.ts";
import { KeyedBackoff } from "../../apimachinery/backoff.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { CriError, type ImageInfo, type ImageService } from "../../cri/runtime.ts";
import { StartError } from "../start-error.ts";
import { pullCredentials, type SecretReader } from "./credentials.ts";
import { formatDuration } from "./duration.ts";
import { type ImageName, parseImageName } from "./image-name.ts";

export interface ImagePullerOptions {
  readonly images: Pick<ImageService, "imageStatus" | "pullImage">;
  readonly clock: Clock;
  readonly events: Pick<EventRecorder, "event">;
  readonly readSecret: SecretReader;
}

/** An image that a pod needs, for a container or as a volume. */
export interface WantedImage {
  /** As the pod's spec names it. */
  readonly image: string;
  readonly policy: string | undefined;
  /** The part of the pod that events are about; absent for all of it. */
  readonly fieldPath?: string;
}

/** Brings images onto the node as the pull policy says, and tells of it in events. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  /** By pod uid and image, from 10 s to 5 min. */
  readonly #backoff = new KeyedBackoff<string>({ initialMs: 10_000, maxMs: 300_000 });
  readonly #lastError = new Map<string, string>();
  /** One pull of an image serves all who wait for it. */
  readonly #pulls = new Map<string, Promise<string>>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
  }

  /** When the pull may be tried again; undefined when it is not held back. */
  retryAtMs(pod: Pod, image: string): number | undefined {
    return this.#retries.get(keyOf(pod, image));
  }

  readonly #retries = new Map<string, number>();

  /** The image's id. Rejects with StartError: InvalidImageName, ErrImageNeverPull, ErrImagePull, ImagePullBackOff. */
  async ensure(pod: Pod, wanted: WantedImage, signal: AbortSignal): Promise<ImageInfo> {
    const { images, clock } = this.#options;
    const { image } = wanted;
    const name = parseImageName(image);
    if (typeof name === "string") {
      const message = `Failed to apply default image tag "${image}": ${name}`;
      this.#warn(pod, wanted, "InspectFailed", message);
      throw new StartError("InvalidImageName", message);
    }
    const present = await this.#inspect(pod, wanted, name);
    const policy = wanted.policy ?? (name.reference.endsWith(":latest") ? "Always" : "IfNotPresent");
    if (present !== undefined && (policy !== "Always" || present.pinned)) {
      this.#tellPresent(pod, wanted, image, policy === "Always");
      return present;
    }
    if (policy === "Never") {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      this.#warn(pod, wanted, "ErrImageNeverPull", message);
      throw new StartError("ErrImageNeverPull", message);
    }
    const key = keyOf(pod, image);
    const nowMs = clock.now();
    const retryAtMs = this.#retries.get(key);
    if (retryAtMs !== undefined && nowMs < retryAtMs) this.#holdBack(pod, wanted, image, key);
    const id = await this.#pull(pod, wanted, name, signal);
    this.#retries.delete(key);
    const pulled = await images.imageStatus(id);
    if (pulled !== undefined) return pulled;
    throw new StartError("ErrImagePull", `image "${image}" is gone after it was pulled`);
  }

  forget(uid: string): void {
    for (const key of this.#retries.keys()) {
      if (!key.startsWith(`${uid}_`)) continue;
      this.#retries.delete(key);
      this.#lastError.delete(key);
      this.#backoff.delete(key);
    }
  }

  async #inspect(pod: Pod, wanted: WantedImage, name: ImageName): Promise<ImageInfo | undefined> {
    try {
      return await this.#options.images.imageStatus(name.reference);
    } catch (error) {
      const message = `Failed to inspect image "${wanted.image}": ${textOf(error)}`;
      this.#warn(pod, wanted, "InspectFailed", message);
      throw new StartError("ImageInspectError", message);
    }
  }

  #tellPresent(pod: Pod, wanted: WantedImage, image: string, pinned: boolean): void {
    const imported = " (it was imported: pull policy Always is satisfied)";
    const message = `Container image "${image}" already present on machine and can be accessed by the pod`;
    this.#tell(pod, wanted, "Normal", "Pulled", pinned ? `${message}${imported}` : message);
  }

  #holdBack(pod: Pod, wanted: WantedImage, image: string, key: string): never {
    const message = `Back-off pulling image "${image}"`;
    this.#tell(pod, wanted, "Normal", "BackOff", message);
    const cause = this.#lastError.get(key);
    throw new StartError(
      "ImagePullBackOff",
      cause === undefined ? message : `${message}: ErrImagePull: ${cause}`,
    );
  }

  async #pull(pod: Pod, wanted: WantedImage, name: ImageName, signal: AbortSignal): Promise<string> {
    const { images, clock, readSecret } = this.#options;
    const { image } = wanted;
    this.#tell(pod, wanted, "Normal", "Pulling", `Pulling image "${image}"`);
    const startMs = clock.now();
    const { credentials } = await pullCredentials(pod, name, readSecret);
    signal.throwIfAborted();
    const sharedKey = JSON.stringify([name.reference, credentials]);
    // A pull goes on when the pod that asked first is deleted: the others wait for it still.
    const pull =
      this.#pulls.get(sharedKey) ??
      images.pullImage(name.reference, { credentials }).finally(() => this.#pulls.delete(sharedKey));
    this.#pulls.set(sharedKey, pull);
    try {
      const id = await raceAbort(pull, signal);
      const size = (await images.imageStatus(id))?.sizeBytes ?? 0;
      const took = formatDuration(clock.now() - startMs);
      const message = `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${size} bytes.`;
      this.#tell(pod, wanted, "Normal", "Pulled", message);
      return id;
    } catch (error) {
      signal.throwIfAborted();
      return this.#failed(pod, wanted, image, error);
    }
  }

  #failed(pod: Pod, wanted: WantedImage, image: string, error: unknown): never {
    const key = keyOf(pod, image);
    const text = textOf(error);
    this.#warn(pod, wanted, "Failed", `Failed to pull image "${image}": ${text}`);
    const nowMs = this.#options.clock.now();
    this.#retries.set(key, nowMs + this.#backoff.next(key, nowMs));
    this.#lastError.set(key, text);
    throw new StartError("ErrImagePull", text);
  }

  #warn(pod: Pod, wanted: WantedImage, reason: string, message: string): void {
    this.#tell(pod, wanted, "Warning", reason, message);
  }

  #tell(pod: Pod, wanted: WantedImage, type: "Normal" | "Warning", reason: string, message: string): void {
    this.#options.events.event(pod, type, reason, message, wanted.fieldPath);
  }
}

const keyOf = (pod: Pod, image: string): string => `${pod.metadata.uid}_${image}`;

function textOf(error: unknown): string {
  if (error instanceof CriError && error.code === "unauthorized") {
    return `pull access denied, repository does not exist or may require authorization: ${error.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * The promise's outcome, or the signal's reason when that comes first. The promise is taken in either case: a failure
 * that nobody takes would end the process.
 */
async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
