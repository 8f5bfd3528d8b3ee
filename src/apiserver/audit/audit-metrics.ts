import type { AuditBackend } from "./auditor.ts";
import type { AuditLevel } from "./policy.ts";

type Plugin = Pick<AuditBackend, "plugin" | "lost">;

/** What is counted of auditing, by the names of kube-apiserver. */
export class AuditMetrics {
  events = 0;
  readonly #dropped: Map<Plugin, number>;
  readonly #levels = new Map<AuditLevel, number>();

  constructor(plugins: readonly Plugin[]) {
    this.#dropped = new Map(plugins.map((plugin) => [plugin, 0]));
  }

  /** An event was not accepted. */
  dropped(plugin: Plugin): void {
    this.#dropped.set(plugin, (this.#dropped.get(plugin) ?? 0) + 1);
  }

  decided(level: AuditLevel): void {
    this.#levels.set(level, (this.#levels.get(level) ?? 0) + 1);
  }

  /** In the Prometheus text form. */
  shown(): readonly string[] {
    return this.lines();
  }

  lines(): string[] {
    const levels = [...this.#levels].map(
      ([level, count]) => `apiserver_audit_level_total{level="${level}"} ${count}`,
    );
    const errors = [...this.#dropped].map(
      ([{ plugin, lost }, dropped]) => `apiserver_audit_error_total{plugin="${plugin}"} ${lost + dropped}`,
    );
    return [
      "# HELP apiserver_audit_error_total Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
      "# TYPE apiserver_audit_error_total counter",
      ...errors,
      "# HELP apiserver_audit_event_total Counter of audit events generated and sent to the audit backend.",
      "# TYPE apiserver_audit_event_total counter",
      `apiserver_audit_event_total ${this.events}`,
      "# HELP apiserver_audit_level_total Counter of policy levels for audit events (1 per request).",
      "# TYPE apiserver_audit_level_total counter",
      ...levels,
    ];
  }
}
