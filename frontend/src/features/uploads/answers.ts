/** What people say about a taken name, and about bytes that somebody has filed already: for one, or for all of a run. */
import type { ApiProblem } from "@/api/problem";
import type { Begun } from "./begun";
import type { Board } from "./board";
import type { Job } from "./job";
import type { Keeping } from "./keeping";
import type { Line } from "./line";

export type ConflictChoice = "version" | "rename" | "skip";
export type DuplicateChoice = "existing" | "keep";

export class Answers {
  private conflictForAll: ConflictChoice | null = null;
  private duplicateForAll: DuplicateChoice | null = null;

  constructor(
    private readonly board: Board,
    private readonly line: Line,
    private readonly begun: Begun,
    private readonly keeping: Keeping,
  ) {}

  /** What was answered for all holds for no further run. */
  endRun(): void {
    this.conflictForAll = null;
    this.duplicateForAll = null;
  }

  // Taken names

  clashed(job: Job, problem: ApiProblem): void {
    const { suggestions, document_id: existing } = problem.body;
    const rename = (suggestions as { rename?: unknown } | undefined)?.rename;
    job.entry.suggestedName = typeof rename === "string" ? rename : null;
    job.entry.documentId = typeof existing === "number" ? existing : null;
    this.board.become(job, "conflict");
    if (this.conflictForAll) this.applyToConflict(job, this.conflictForAll);
  }

  resolve(id: number, choice: ConflictChoice): void {
    const job = this.board.get(id);
    if (job?.entry.status !== "conflict") return;
    job.answered = true;
    this.applyToConflict(job, choice);
  }

  /** The answer to all that wait, and to all that come in this run. */
  resolveAll(choice: ConflictChoice): void {
    this.conflictForAll = choice;
    for (const job of this.board.all()) {
      if (job.entry.status === "conflict") this.applyToConflict(job, choice);
    }
  }

  private applyToConflict(job: Job, choice: ConflictChoice): void {
    job.entry.problem = null;
    if (choice === "skip") {
      this.board.become(job, "skipped");
      return;
    }
    job.onConflict = choice;
    this.line.requeue(job, true);
    this.line.pump();
  }

  // The same bytes

  isDuplicate(job: Job): void {
    this.board.become(job, "duplicate");
    if (this.duplicateForAll) this.applyToDuplicate(job, this.duplicateForAll);
  }

  resolveDuplicate(id: number, choice: DuplicateChoice): void {
    const job = this.board.get(id);
    if (job?.entry.status !== "duplicate") return;
    job.answered = true;
    this.applyToDuplicate(job, choice);
  }

  /** These bytes become a version of a document that has, or had, them. */
  becomeVersion(id: number, documentId: number): void {
    const job = this.board.get(id);
    if (job?.entry.status !== "duplicate") return;
    job.answered = true;
    job.entry.target = { kind: "version", documentId, comment: "" };
    this.applyToDuplicate(job, "keep");
  }

  resolveAllDuplicates(choice: DuplicateChoice): void {
    this.duplicateForAll = choice;
    for (const job of this.board.all()) {
      if (job.entry.status === "duplicate") this.applyToDuplicate(job, choice);
    }
  }

  private applyToDuplicate(job: Job, choice: DuplicateChoice): void {
    if (choice === "existing") {
      this.begun.letGo(job);
      this.board.setSent(job, 0);
      job.entry.documentId = job.entry.same[0]?.document_id ?? null;
      this.board.become(job, "existing");
      return;
    }
    job.anyway = true;
    this.line.requeue(job, true);
    this.keeping.keep(job);
    this.line.pump();
  }
}
