import type { Clock } from "../../../apimachinery/clock.ts";
import type { Logger } from "../../../apimachinery/logger.ts";
import { HttpsTransport } from "../../../client/https-transport.ts";
import { loadKubeconfig, resolveContext } from "../../../client/kubeconfig.ts";
import { WatchedFile } from "../../authentication/watched-file.ts";
import { always } from "../always.ts";
import type { Authorizer } from "../authorizer.ts";
import { AuthorizerUnion } from "../union.ts";
import { type AuthorizerSetting, readConfiguration } from "./read-configuration.ts";
import { WebhookAuthorizer } from "./webhook-authorizer.ts";

export interface ConfiguredAuthorizersOptions {
  /** The AuthorizationConfiguration; a change of its content is taken up while the server runs. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The cluster's own, which a configuration names by their types. */
export interface OwnAuthorizers {
  readonly node: Authorizer;
  readonly rbac: Authorizer;
}

/**
 * Who may decide, and in which order, as a file says. What is in it is checked when it is opened and whenever it changes;
 * one that holds a mistake later is logged, and what was before goes on.
 */
export class ConfiguredAuthorizers {
  readonly #options: ConfiguredAuthorizersOptions;
  readonly #file: WatchedFile;
  #settings: readonly AuthorizerSetting[];
  #own: OwnAuthorizers | undefined;
  #union = new AuthorizerUnion([]);
  #transports: HttpsTransport[] = [];

  /** Throws for a mistake in the file. */
  constructor(options: ConfiguredAuthorizersOptions) {
    this.#options = options;
    this.#file = new WatchedFile(options.file, options.clock, (text) => this.#reload(text));
    try {
      this.#settings = readConfiguration(this.#file.text);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** The authorizers of the file among the cluster's own. */
  open(own: OwnAuthorizers): Authorizer {
    this.#own = own;
    this.#use(this.#settings);
    return {
      authorize: (attributes) => this.#union.authorize(attributes),
      rulesFor: (user, namespace) => this.#union.rulesFor(user, namespace),
    };
  }

  close(): void {
    this.#file.close();
    for (const transport of this.#transports) transport.close();
  }

  #reload(text: string): void {
    const { file, logger } = this.#options;
    try {
      const settings = readConfiguration(text);
      this.#use(settings);
      this.#settings = settings;
      logger.info("the authorization configuration was taken up", { file });
    } catch (error) {
      logger.error("the authorization configuration stays as it was", { file, error });
    }
  }

  #use(settings: readonly AuthorizerSetting[]): void {
    const before = this.#transports;
    this.#transports = [];
    this.#union = new AuthorizerUnion(settings.map((setting) => this.#authorizerOf(setting)));
    for (const transport of before) transport.close();
  }

  #authorizerOf(setting: AuthorizerSetting): Authorizer {
    switch (setting.type) {
      case "Node":
        return this.#own?.node ?? nobody;
      case "RBAC":
        return this.#own?.rbac ?? nobody;
      case "AlwaysAllow":
        return always("allow");
      case "AlwaysDeny":
        return always("noOpinion");
      case "Webhook": {
        const { clock, logger } = this.#options;
        const { kubeConfigFile, ...webhook } = setting.webhook;
        const { transport: options } = resolveContext(loadKubeconfig([kubeConfigFile]));
        const transport = new HttpsTransport({ ...options, clock });
        this.#transports.push(transport);
        return new WebhookAuthorizer({ ...webhook, transport, clock, logger });
      }
    }
  }
}

const nobody = always("noOpinion");
