import { readFileSync, writeFileSync } from "node:fs";

/** The names of the outside world: something that Kubernetes does not know and cannot clean up by itself. */
export interface Dns {
  /** Doing it again changes nothing. */
  point(host: string, target: string): Promise<void>;
  /** Of a name that is not there, too. */
  remove(host: string): Promise<void>;
}

/** A stand-in for a provider's API: a file of names, so that the example runs anywhere. */
export class DnsFile implements Dns {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async point(host: string, target: string): Promise<void> {
    this.#write({ ...this.#read(), [host]: target });
  }

  async remove(host: string): Promise<void> {
    const { [host]: _, ...others } = this.#read();
    this.#write(others);
  }

  #read(): Record<string, string> {
    try {
      return JSON.parse(readFileSync(this.#file, "utf8")) as Record<string, string>;
    } catch {
      return {};
    }
  }

  #write(names: Record<string, string>): void {
    writeFileSync(this.#file, `${JSON.stringify(names, undefined, 2)}\n`);
  }
}
