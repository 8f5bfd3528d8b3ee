import type { AuditLevel } from "./policy.ts";

/** What is counted of the audit log, by the names of kube-apiserver. */
export class AuditMetrics {
  events = 0;
  errors = 0;
  readonly #levels = new Map<AuditLevel, number>();

  decided(level: AuditLevel): void {
    this.#levels.set(level, (this.#levels.get(level) ?? 0) + 1);
  }

  /** In the Prometheus text form. */
  lines(): string[] {
    const levels = [...this.#levels].map(
      ([level, count]) => `apiserver_audit_level_total{level="${level}"} ${count}`,
    );
    return [
      "# HELP apiserver_audit_error_total Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
      "# TYPE apiserver_audit_error_total counter",
      `apiserver_audit_error_total{plugin="log"} ${this.errors}`,
      "# HELP apiserver_audit_event_total Counter of audit events generated and sent to the audit backend.",
      "# TYPE apiserver_audit_event_total counter",
      `apiserver_audit_event_total ${this.events}`,
      "# HELP apiserver_audit_level_total Counter of policy levels for audit events (1 per request).",
      "# TYPE apiserver_audit_level_total counter",
      ...levels,
    ];
  }
}
