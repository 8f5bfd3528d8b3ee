import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  decodeDecryptResponse,
  decodeEncryptResponse,
  decodeStatusResponse,
  encodeDecryptRequest,
  encodeEncryptRequest,
  encodeStatusRequest,
  type KmsEncrypted,
  type KmsStatus,
} from "./kms-messages.ts";

/** A key management service: it encrypts data encryption keys with keys that never leave it. */
export interface KmsService {
  status(): Promise<KmsStatus>;
  encrypt(uid: string, plaintext: Uint8Array): Promise<KmsEncrypted>;
  decrypt(uid: string, encrypted: KmsEncrypted): Promise<Uint8Array>;
  close(): void;
}

export interface KmsClientOptions {
  /** `unix:///run/kms.sock` */
  readonly endpoint: string;
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** The service behind a Unix socket, over gRPC (KMS v2). Its import is paid for only by who configures one. */
export class KmsClient implements KmsService {
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #nowMs: () => number;

  constructor({ endpoint, timeoutMs, nowMs }: KmsClientOptions) {
    // A proxy of the environment is not for a socket of this machine. A service that comes back is found soon.
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.default_authority": "localhost",
      "grpc.max_reconnect_backoff_ms": 5_000,
    });
    this.#timeoutMs = timeoutMs;
    this.#nowMs = nowMs;
  }

  status(): Promise<KmsStatus> {
    return this.#call("Status", {}, encodeStatusRequest, decodeStatusResponse);
  }

  encrypt(uid: string, plaintext: Uint8Array): Promise<KmsEncrypted> {
    return this.#call("Encrypt", { uid, plaintext }, encodeEncryptRequest, decodeEncryptResponse);
  }

  decrypt(uid: string, encrypted: KmsEncrypted): Promise<Uint8Array> {
    return this.#call("Decrypt", { uid, ...encrypted }, encodeDecryptRequest, decodeDecryptResponse);
  }

  close(): void {
    this.#client.close();
  }

  #call<Request, Response>(
    method: string,
    request: Request,
    encode: (request: Request) => Buffer,
    decode: (bytes: Uint8Array) => Response,
  ): Promise<Response> {
    const deadline = this.#nowMs() + this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Response): void => {
        if (error !== null) reject(error);
        else if (response === undefined) reject(new Error("the key management service answered nothing"));
        else resolve(response);
      };
      const path = `/v2.KeyManagementService/${method}`;
      this.#client.makeUnaryRequest(path, encode, decode, request, { deadline }, done);
    });
  }
}
