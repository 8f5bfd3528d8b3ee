/** One repository at one registry, by the OCI distribution specification: manifests, blobs, and the ways to log in. */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, openSync, rmSync, statSync, write } from "node:fs";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import type { Clock } from "../../apimachinery/clock.ts";
import { CriError, type RegistryCredential } from "../../cri/runtime.ts";
import { parseObject, stringAt } from "../image-config.ts";
import { fetchFollowing, readBody } from "./http-fetch.ts";
import type { RegistryEndpoint } from "./registry-config.ts";

export interface FetchedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
}

export const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const maxManifestBytes = 4 << 20;
const maxTokenBytes = 1 << 20;
const downloadTries = 5;

export class RegistryClient {
  readonly #endpoint: RegistryEndpoint;
  readonly #credential: RegistryCredential | undefined;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #authorization: string | undefined;

  constructor(
    endpoint: RegistryEndpoint,
    credential: RegistryCredential | undefined,
    clock: Clock,
    signal: AbortSignal | undefined,
  ) {
    this.#endpoint = endpoint;
    this.#credential = credential;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** By tag or digest; a digest is checked against the content. */
  async manifest(reference: string): Promise<FetchedManifest> {
    const response = await this.#get(`manifests/${reference}`, { Accept: manifestTypes.join(", ") });
    const body = await readBody(response, maxManifestBytes);
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    if (reference.startsWith("sha256:") && reference !== digest) {
      throw new CriError("unavailable", `the registry sent ${digest} for ${reference}`);
    }
    const text = body.toString("utf8");
    const mediaType = (response.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
    return { digest, text, mediaType: mediaType || stringAt(parseObject(text), "mediaType") };
  }

  /** A small blob, such as an image's configuration. */
  async blob(digest: string): Promise<string> {
    const body = await readBody(await this.#get(`blobs/${digest}`, {}), maxManifestBytes * 2);
    const actual = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    if (actual !== digest) throw new CriError("unavailable", `the registry sent ${actual} for ${digest}`);
    return body.toString("utf8");
  }

  /**
   * Downloads a blob into a file. What an earlier attempt left in it is kept and gone on from, when the registry can;
   * the whole is checked against the digest at the end.
   */
  async download(digest: string, file: string, onBytes: (count: number) => void): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#downloadRest(digest, file, onBytes);
        break;
      } catch (error) {
        const isFinal = error instanceof CriError && error.code !== "unavailable";
        if (isFinal || tries >= downloadTries || this.#signal?.aborted === true) throw error;
        await this.#clock.sleep(250 * 2 ** tries, this.#signal);
      }
    }
    const actual = await hashFile(file, digest.split(":")[0] ?? "sha256");
    if (actual === digest) return;
    rmSync(file, { force: true });
    throw new CriError("unavailable", `the registry sent ${actual} for ${digest}`);
  }

  async #downloadRest(digest: string, file: string, onBytes: (count: number) => void): Promise<void> {
    const have = existsSync(file) ? statSync(file).size : 0;
    const response = await this.#get(
      `blobs/${digest}`,
      have > 0 ? { Range: `bytes=${have}-` } : {},
      // All of it is here: there is nothing after the end.
      [416],
    );
    if (response.statusCode === 416) {
      response.resume();
      return;
    }
    const resumed = response.statusCode === 206;
    onBytes(resumed ? have : 0);
    try {
      await saveBody(response, file, resumed, onBytes);
    } catch (error) {
      if (this.#signal?.aborted === true) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const code = (error as NodeJS.ErrnoException).code === "ENOSPC" ? "resourceExhausted" : "unavailable";
      throw new CriError(code, `downloading ${digest}: ${reason}`, { cause: error });
    }
  }

  async #get(
    path: string,
    headers: Readonly<Record<string, string>>,
    accepted: readonly number[] = [],
  ): Promise<IncomingMessage> {
    const { url, repository } = this.#endpoint;
    const target = new URL(`/v2/${repository}/${path}`, url);
    let response = await this.#send(target, headers);
    if (response.statusCode === 401) {
      const challenge = response.headers["www-authenticate"];
      response.resume();
      this.#authorization = await this.#authorize(challenge ?? "");
      response = await this.#send(target, headers);
    }
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || accepted.includes(status)) return response;
    throw await this.#refusal(response, status);
  }

  #send(target: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const authorization = this.#authorization;
    return fetchFollowing(target, {
      headers: { ...headers, ...(authorization !== undefined && { Authorization: authorization }) },
      tls: this.#endpoint.tls,
      clock: this.#clock,
      signal: this.#signal,
    });
  }

  async #refusal(response: IncomingMessage, status: number): Promise<CriError> {
    const text = (await readBody(response, maxTokenBytes).catch(() => Buffer.alloc(0))).toString("utf8");
    const said = registryMessage(text);
    const detail = said === "" ? "" : `: ${said}`;
    if (status === 404) return new CriError("notFound", `not found${detail}`);
    if (status === 401 || status === 403) {
      return new CriError(
        "unauthorized",
        `pull access denied, repository does not exist or may require authorization${detail}`,
      );
    }
    if (status === 429) return new CriError("unavailable", `429 Too Many Requests${detail}`);
    return new CriError(
      "unavailable",
      `unexpected status code ${status} from ${this.#endpoint.url.host}${detail}`,
    );
  }

  async #authorize(challenge: string): Promise<string> {
    const { scheme, parameters } = parseChallenge(challenge);
    const credential = this.#credential;
    if (scheme === "basic") {
      if (credential === undefined) throw denied("authorization is required and no credentials were given");
      return basic(credential);
    }
    const realm = parameters.get("realm");
    if (scheme !== "bearer" || realm === undefined) {
      throw denied(`the registry asks for an unknown way to log in ("${challenge}")`);
    }
    return `Bearer ${await this.#token(new URL(realm), parameters)}`;
  }

  async #token(realm: URL, parameters: ReadonlyMap<string, string>): Promise<string> {
    const credential = this.#credential;
    const service = parameters.get("service") ?? "";
    const scope = parameters.get("scope") ?? `repository:${this.#endpoint.repository}:pull`;
    const common = { tls: this.#endpoint.tls, clock: this.#clock, signal: this.#signal };
    let response: IncomingMessage;
    if (credential?.identityToken !== undefined) {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: credential.identityToken,
        client_id: "sampan",
        service,
        scope,
      });
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      response = await fetchFollowing(realm, { ...common, method: "POST", body: form.toString(), headers });
    } else {
      if (service !== "") realm.searchParams.set("service", service);
      for (const one of scope.split(" ")) realm.searchParams.append("scope", one);
      const headers = credential === undefined ? {} : { Authorization: basic(credential) };
      response = await fetchFollowing(realm, { ...common, headers });
    }
    const text = (await readBody(response, maxTokenBytes)).toString("utf8");
    const status = response.statusCode ?? 0;
    if (status === 401 || status === 403 || status === 400) {
      throw denied(
        `the token server refused (${status})${registryMessage(text) && `: ${registryMessage(text)}`}`,
      );
    }
    if (status !== 200)
      throw new CriError("unavailable", `unexpected status code ${status} from ${realm.host}`);
    const answer = parseObject(text);
    const token = stringAt(answer, "token") || stringAt(answer, "access_token");
    if (token === "") throw new CriError("unavailable", `${realm.host} gave no token`);
    return token;
  }
}

function denied(why: string): CriError {
  return new CriError(
    "unauthorized",
    `pull access denied, repository does not exist or may require authorization: ${why}`,
  );
}

const basic = ({ username, password }: RegistryCredential): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** `Bearer realm="https://…",service="…",scope="…"`. */
export function parseChallenge(header: string): {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
} {
  const [scheme = "", ...rest] = header.trim().split(" ");
  const parameters = new Map<string, string>();
  for (const [, key, quoted, bare] of rest.join(" ").matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)) {
    parameters.set((key ?? "").toLowerCase(), quoted ?? bare ?? "");
  }
  return { scheme: scheme.toLowerCase(), parameters };
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"…"}]}`. */
function registryMessage(text: string): string {
  const errors = parseObject(text)?.["errors"];
  if (!Array.isArray(errors)) return "";
  return errors
    .map((error: { code?: string; message?: string }) => error.message ?? error.code ?? "")
    .filter((message) => message !== "")
    .join("; ");
}

/** Writes what arrives; when the connection breaks, all that had arrived is in the file, to go on from. */
async function saveBody(
  response: IncomingMessage,
  file: string,
  append: boolean,
  onBytes: (count: number) => void,
): Promise<void> {
  // Opened without waiting: the connection's end must not be missed.
  const fd = openSync(file, append ? "a" : "w", 0o600);
  let written: Promise<unknown> = Promise.resolve();
  try {
    await new Promise<void>((resolve, reject) => {
      response.once("error", reject);
      response.once("close", () =>
        response.complete ? resolve() : reject(new Error("the connection broke off")),
      );
      response.on("data", (chunk: Buffer) => {
        onBytes(chunk.length);
        response.pause();
        written = writeAll(fd, chunk).then(() => response.resume());
        written.catch((error: Error) => response.destroy(error));
      });
      response.resume();
    });
    await written;
  } finally {
    await written.catch(() => undefined);
    closeSync(fd);
  }
}

const writeOnce = promisify(write);

async function writeAll(fd: number, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await writeOnce(fd, chunk, done, chunk.length - done, null)).bytesWritten;
  }
}

async function hashFile(file: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `${algorithm}:${hash.digest("hex")}`;
}
