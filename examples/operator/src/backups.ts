import {
  type batchV1,
  type ControllerContext,
  type Informer,
  isAlreadyExists,
  isConditionTrue,
  isNotFound,
  resources,
} from "sampan/operator";
import { backupJobOf, siteLabel } from "./desired.ts";
import type { Backup, Site } from "./site.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** Nightly backups: a Job for each night, of which the newest are kept. */
export class Backups {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<batchV1.Job>;

  constructor(context: ControllerContext, jobs: Informer<batchV1.Job>) {
    this.#context = context;
    this.#jobs = jobs;
  }

  /** Makes tonight's backup once its hour has come, and forgets the oldest. Answers when to look again. */
  async reconcile(site: Site, backup: Backup): Promise<number> {
    const { clock, client, events } = this.#context;
    const nowMs = clock.now();
    const nightMs = lastNight(nowMs, backup.atHour);
    const jobs = this.#jobsOf(site);
    const job = backupJobOf(site, new Date(nightMs));
    const isDue = nightMs >= Date.parse(site.metadata.creationTimestamp ?? "");
    if (isDue && !jobs.some(({ metadata }) => metadata.name === job.metadata.name)) {
      // The cache may be behind, or we were stopped after this line before: the name keeps it from being made twice.
      await client.resource(resources.jobs).create(job).catch(ignoring(isAlreadyExists));
      events.event(site, "Normal", "BackupStarted", `Started backup ${job.metadata.name}`);
    }
    for (const old of jobs.filter(isFinished).slice(backup.keep)) await this.#delete(old);
    return nightMs + dayMs - nowMs;
  }

  /** When the newest backup that succeeded did. */
  lastSuccess(site: Site): string | undefined {
    return this.#jobsOf(site).find(isComplete)?.status?.completionTime;
  }

  /** The newest first: their names end in the day. */
  #jobsOf({ metadata: { name = "", namespace } }: Site): batchV1.Job[] {
    return this.#jobs
      .list(namespace)
      .filter(({ metadata }) => metadata.labels?.[siteLabel] === name)
      .toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? 1 : -1));
  }

  async #delete({ metadata: { name = "", namespace } }: batchV1.Job): Promise<void> {
    const jobs = this.#context.client.resource(resources.jobs);
    await jobs.delete(name, { namespace, propagationPolicy: "Background" }).catch(ignoring(isNotFound));
  }
}

/** The latest moment of the hour that lies not in the future. */
function lastNight(nowMs: number, atHour: number): number {
  const todayMs = Math.floor(nowMs / dayMs) * dayMs + atHour * 60 * 60 * 1000;
  return todayMs <= nowMs ? todayMs : todayMs - dayMs;
}

const isComplete = ({ status }: batchV1.Job): boolean => isConditionTrue(status?.conditions, "Complete");
const isFinished = (job: batchV1.Job): boolean =>
  isComplete(job) || isConditionTrue(job.status?.conditions, "Failed");

const ignoring =
  (isExpected: (error: unknown) => boolean) =>
  (error: unknown): void => {
    if (!isExpected(error)) throw error;
  };
