/** Asks about files before they are sent: who has these bytes already, and what would be refused. */
import { checkUploads, findSameContent } from "@/api/calls";
import { ApiProblem } from "@/api/problem";
import type { SameContent } from "@/api/types";
import { sha256Of } from "./digest";
import type { Inspected, Inspection } from "./service";

/** What is larger is not read twice: the answer of its upload tells who has it already. */
const DIGESTED = 2 ** 30;

/** The status with which the upload itself would be refused, where it matters to the queue. */
const STATUS: Readonly<Record<string, number>> = { name_taken: 409, quota_exceeded: 507 };

type EnsureFolder = (rootId: number, path: readonly string[]) => Promise<number>;

/** In the order asked. What cannot be asked now is told by the uploads themselves. */
export async function inspectFiles(
  files: readonly Inspected[],
  ensureFolder: EnsureFolder,
): Promise<readonly Inspection[]> {
  const [digests, problems] = await Promise.all([
    digestsOf(files),
    problemsOf(files, ensureFolder),
  ]);
  const same = await sameAs(digests);
  return files.map((_, index) => {
    const sha256 = digests[index] ?? null;
    return { sha256, same: same.get(sha256 ?? "") ?? [], problem: problems.get(index) ?? null };
  });
}

const digestsOf = (files: readonly Inspected[]): Promise<(string | null)[]> =>
  Promise.all(
    files.map(({ file }) =>
      file.size > 0 && file.size <= DIGESTED ? sha256Of(file) : Promise.resolve(null),
    ),
  );

async function sameAs(digests: readonly (string | null)[]): Promise<Map<string, SameContent[]>> {
  const wanted = [...new Set(digests.filter((one) => one !== null))];
  const known = wanted.length > 0 ? await findSameContent(wanted).catch(() => []) : [];
  return new Map(known.map((one) => [one.sha256, one.documents]));
}

/** The problems of files that would be refused, by their positions; one question for each folder. */
async function problemsOf(
  files: readonly Inspected[],
  ensureFolder: EnsureFolder,
): Promise<Map<number, ApiProblem>> {
  const places = new Map<string, number[]>();
  files.forEach(({ target, folders, onConflict }, index) => {
    if (target.kind !== "folder") return;
    const place = JSON.stringify([target.folderId, folders, onConflict]);
    places.set(place, [...(places.get(place) ?? []), index]);
  });
  const found = new Map<number, ApiProblem>();
  const ask = async (indexes: number[]) => {
    // The creation of a single one answers as fast.
    const [first] = indexes.map((index) => files[index]);
    if (indexes.length < 2 || first?.target.kind !== "folder") return;
    const folder_id = await ensureFolder(first.target.folderId, first.folders);
    const announced = indexes.flatMap((index) => files[index] ?? []);
    const said = await checkUploads({
      folder_id,
      on_conflict: first.onConflict,
      files: announced.map(({ name, file: { size } }) => ({ name, size })),
    });
    indexes.forEach((index, position) => {
      const problem = said[position]?.problem;
      if (problem) found.set(index, new ApiProblem(STATUS[problem.code] ?? 422, problem));
    });
  };
  await Promise.allSettled([...places.values()].map(ask));
  return found;
}
