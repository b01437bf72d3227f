/** In which order uploads are listed, and why they failed. Pure. */
import { ApiProblem, type NetworkProblem } from "@/api/problem";
import type { Job } from "./job";
import { GROUP, ORDER, type UploadGroup } from "./states";

export type Failure = { problem: ApiProblem | NetworkProblem; count: number };

const idsWhere = (jobs: readonly Job[], fits: (job: Job) => boolean): number[] =>
  jobs.filter(fits).map(({ entry }) => entry.id);

/**
 * Ids of one group in the order they were added; of all, what matters most now first. What needs someone comes in the
 * order in which it came to, and what was answered alone stays there: nothing moves under the pointer.
 */
export function listed(jobs: readonly Job[], only: UploadGroup | null): number[] {
  if (only !== null) return idsWhere(jobs, (job) => GROUP[job.entry.status] === only);
  const asked = jobs
    .filter((job) => job.answered || GROUP[job.entry.status] === "attention")
    .sort((one, other) => one.asked - other.asked)
    .map(({ entry }) => entry.id);
  const others = ORDER.slice(1).map((group) =>
    idsWhere(jobs, (job) => !job.answered && GROUP[job.entry.status] === group),
  );
  return [asked, ...others].flat();
}

/** Why uploads failed: each reason once, with how many, the most frequent first. */
export function failuresOf(jobs: Iterable<Job>): Failure[] {
  const reasons = new Map<string, Failure>();
  for (const { entry } of jobs) {
    if (entry.status !== "failed" || entry.problem === null) continue;
    const code = entry.problem instanceof ApiProblem ? entry.problem.code : "network";
    const known = reasons.get(code) ?? { problem: entry.problem, count: 0 };
    reasons.set(code, { ...known, count: known.count + 1 });
  }
  return [...reasons.values()].sort((one, other) => other.count - one.count);
}
