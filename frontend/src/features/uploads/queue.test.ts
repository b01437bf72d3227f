import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { IndexStatus, SameContent, UploadedDocument } from "@/api/types";
import type { KeptRoot, KeptUpload, UploadKeeper } from "./kept";
import { UploadQueue } from "./queue";
import type { Inspected, UploadService } from "./service";
import type { SendOptions, UploadState } from "./transport";

/** A service whose uploads end when the test says so. */
class Service implements UploadService {
  readonly sends: (SendOptions & {
    accept: (index?: IndexStatus) => void;
    done: (document: UploadedDocument) => void;
    refuse: (error: unknown) => void;
  })[] = [];
  readonly ensured: string[] = [];
  /** What is said of files of these names before they are sent. */
  readonly same = new Map<string, SameContent[]>();
  readonly problems = new Map<string, ApiProblem>();
  readonly inspected: string[][] = [];
  readonly discarded: string[] = [];
  readonly states = new Map<string, UploadState>();
  indexed: IndexStatus = "indexed";
  asked = 0;
  connected = true;
  private nextId = 100;

  inspect = (files: readonly Inspected[]) => {
    this.inspected.push(files.map((one) => one.name));
    return Promise.resolve(
      files.map(({ name }) => ({
        sha256: `digest of ${name}`,
        same: this.same.get(name) ?? [],
        problem: this.problems.get(name) ?? null,
      })),
    );
  };

  state = (url: string): Promise<UploadState> =>
    Promise.resolve(this.states.get(url) ?? { kind: "gone" });

  discard = (url: string): Promise<void> => {
    this.discarded.push(url);
    return Promise.resolve();
  };

  send = (options: SendOptions): Promise<UploadedDocument> =>
    new Promise((resolve, reject) => {
      options.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      this.sends.push({
        ...options,
        accept: (index = "pending") => {
          this.nextId += 1;
          resolve(stored(this.nextId, index));
        },
        done: resolve,
        refuse: reject,
      });
    });

  ensureFolder = (root: number, path: readonly string[]): Promise<number> => {
    this.ensured.push([root, ...path].join("/"));
    return Promise.resolve(root + path.length);
  };

  document = (id: number): Promise<UploadedDocument> => {
    this.asked += 1;
    return Promise.resolve(stored(id, this.indexed));
  };

  stored = () => undefined;
  liveConnected = () => this.connected;

  /** The n-th upload that was started. */
  at(index: number) {
    const send = this.sends[index];
    if (!send) throw new Error(`upload ${index} was not started`);
    return send;
  }
}

const stored = (id: number, index_status: IndexStatus): UploadedDocument =>
  ({
    ...{ id, folder_id: 1, same_content: [] },
    current_version: { id: id + 1000, index_status },
  }) as unknown as UploadedDocument;

/** Keeps in memory what IndexedDB would. */
class Keeper implements UploadKeeper {
  readonly kept = new Map<string, KeptUpload>();
  page = () => Promise.resolve("page");
  keep = (uploads: readonly KeptUpload[]) => {
    for (const one of uploads) this.kept.set(one.key, one);
    return Promise.resolve();
  };
  forget = (keys: readonly string[]) => {
    for (const key of keys) this.kept.delete(key);
    return Promise.resolve();
  };
  all = (owner: string) =>
    Promise.resolve([...this.kept.values()].filter((one) => one.owner === owner));
  keepRoot = () => Promise.resolve();
  root = (): Promise<KeptRoot | undefined> => Promise.resolve(undefined);
}

const file = (name: string, size = 10, lastModified = 1): File =>
  new File([new Uint8Array(size)], name, { lastModified });
const filed = (name: string, is_current = true): SameContent =>
  ({ document_id: 77, name, is_current, ancestors: [], permissions: [] }) as unknown as SameContent;
const folder = { kind: "folder", folderId: 7 } as const;
const taken = () =>
  new ApiProblem(409, { code: "name_taken", document_id: 5, suggestions: { rename: "a (1).pdf" } });

let service: Service;
let keeper: Keeper;
let queue: UploadQueue;

const settle = () => vi.advanceTimersByTimeAsync(150);
/** Long enough for what is unfinished to be kept. */
const kept = () => vi.advanceTimersByTimeAsync(300);
const status = (id: number) => queue.entry(id)?.status;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
  keeper = new Keeper();
  queue = new UploadQueue(service, keeper, 2);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("an upload", () => {
  test("goes through its stages to searchable", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    expect(status(id)).toBe("uploading");
    service.at(0).onProgress(4);
    expect(queue.entry(id)?.sent).toBe(4);
    service.at(0).onProgress(10);
    expect(status(id)).toBe("scanning");
    service.at(0).accept();
    await settle();
    expect(status(id)).toBe("reading");
    queue.indexChanged(1101, "extracting");
    expect(status(id)).toBe("reading");
    queue.indexChanged(1101, "indexed");
    expect(status(id)).toBe("searchable");
  });

  test("whose text cannot be read ends stored, with the reason", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    service.at(0).accept();
    await settle();
    queue.indexChanged(1101, "encrypted");
    expect(status(id)).toBe("stored");
    expect(queue.entry(id)?.indexStatus).toBe("encrypted");
  });

  test("hears of its text even when that was faster than the answer", async () => {
    const id = queue.add(folder, file("a.txt"));
    await settle();
    queue.indexChanged(1101, "indexed");
    service.at(0).accept("pending");
    await settle();
    expect(status(id)).toBe("searchable");
  });

  test("keeps a composed name and its folders", async () => {
    queue.add(folder, file("Ä.pdf".normalize("NFD")), ["x", "y"]);
    await settle();
    expect(service.ensured).toEqual(["7/x/y"]);
    expect(service.at(0).destination).toEqual({
      kind: "folder",
      folderId: 9,
      name: "Ä.pdf".normalize("NFC"),
      onConflict: "error",
    });
  });

  test("with a virus is rejected and not retried", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    service.at(0).refuse(new ApiProblem(400, { code: "virus_found", signature: "Eicar" }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(status(id)).toBe("rejected");
    expect(service.sends).toHaveLength(1);
    queue.retry(id);
    expect(status(id)).toBe("rejected");
  });
});

describe("the queue", () => {
  test("runs a bounded number at a time, in order", async () => {
    for (let index = 0; index < 3000; index += 1) queue.add(folder, file(`${index}`));
    await settle();
    expect(service.inspected.map((batch) => batch.length)).toEqual([1, 200]);
    expect(service.sends.map((send) => send.file.name)).toEqual(["0", "1"]);
    service.at(0).accept("indexed");
    await settle();
    expect(service.sends.map((send) => send.file.name)).toEqual(["0", "1", "2"]);
    expect(queue.getSnapshot().groups).toMatchObject({ done: 1, active: 2, waiting: 2997 });
  });

  test("tells its watchers a few times a second, however much happens", async () => {
    const watcher = vi.fn();
    queue.subscribe(watcher);
    for (let index = 0; index < 3000; index += 1) queue.add(folder, file(`${index}`));
    for (let sent = 0; sent < 10; sent += 1) {
      await vi.advanceTimersByTimeAsync(10);
      service.at(0).onProgress(sent);
    }
    await settle();
    expect(watcher.mock.calls.length).toBeLessThanOrEqual(3);
  });

  test("cancels one without stopping the others", async () => {
    const first = queue.add(folder, file("a"));
    const second = queue.add(folder, file("b"));
    await settle();
    queue.cancel(first);
    await settle();
    expect(service.at(0).signal.aborted).toBe(true);
    expect(status(first)).toBe("cancelled");
    expect(status(second)).toBe("uploading");
    queue.retry(first);
    await settle();
    expect(service.sends).toHaveLength(3);
  });

  test("tries again by itself when nobody answers, and gives up after a while", async () => {
    const id = queue.add(folder, file("a"));
    for (let round = 0; round < 9; round += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      service.at(round).refuse(new NetworkProblem());
      await settle();
    }
    expect(status(id)).toBe("failed");
    queue.retryFailed();
    await settle();
    expect(service.sends).toHaveLength(10);
  });

  test("goes on for as long as the service gets more of it", async () => {
    const id = queue.add(folder, file("a", 100));
    for (let round = 0; round < 30; round += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      service.at(round).onUrl("/uploads/1");
      service.at(round).onProgress(round + 1);
      service.at(round).refuse(new NetworkProblem());
      await settle();
    }
    expect(status(id)).toBe("queued");
    expect(queue.entry(id)?.sent).toBe(30);
  });

  test("waits as long as the service asks", async () => {
    queue.add(folder, file("a"));
    await settle();
    service.at(0).refuse(new ApiProblem(503, { code: "scanner_unavailable" }, 30));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(service.sends).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(service.sends).toHaveLength(2);
  });

  test("holds on a full storage instead of failing thousands", async () => {
    const ids = [1, 2, 3, 4].map((n) => queue.add(folder, file(String(n))));
    await settle();
    service.at(0).refuse(new ApiProblem(507, { code: "insufficient_storage" }));
    service.at(1).refuse(new ApiProblem(507, { code: "insufficient_storage" }));
    await settle();
    expect(queue.getSnapshot().hold).toBe("storage_full");
    expect(ids.map(status)).toEqual(["queued", "queued", "queued", "queued"]);
    queue.resume();
    await settle();
    expect(service.sends).toHaveLength(4);
  });

  test("goes on after signing in again, but not when a person paused it", async () => {
    queue.add(folder, file("a"));
    await settle();
    service.at(0).refuse(new ApiProblem(401, {}));
    await settle();
    expect(queue.getSnapshot().hold).toBe("signed_out");
    queue.hold("user");
    queue.resumeFrom("signed_out");
    await settle();
    expect(queue.getSnapshot().hold).toBe("user");
    queue.hold("offline");
    await settle();
    expect(queue.getSnapshot().hold).toBe("user");
  });

  test("measures progress by what is still meant to arrive", async () => {
    const first = queue.add(folder, file("a", 100));
    queue.add(folder, file("b", 50));
    await settle();
    service.at(0).onProgress(60);
    await settle();
    expect(queue.getSnapshot()).toMatchObject({ bytes: 150, bytesSent: 60 });
    queue.cancel(first);
    await settle();
    expect(queue.getSnapshot()).toMatchObject({ bytes: 50, bytesSent: 0 });
  });

  test("sums up why uploads failed", async () => {
    const reasons = ["upload_too_large", "forbidden", "forbidden"];
    reasons.forEach((code, index) => {
      service.problems.set(`${index}`, new ApiProblem(422, { code }));
      queue.add(folder, file(`${index}`));
    });
    await settle();
    const summed = queue.failures();
    expect(summed.map(({ problem, count }) => [(problem as ApiProblem).code, count])).toEqual([
      ["forbidden", 2],
      ["upload_too_large", 1],
    ]);
  });

  test("forgets what is finished and keeps what needs someone", async () => {
    const done = queue.add(folder, file("a"));
    const failed = queue.add(folder, file("b"));
    await settle();
    service.at(0).accept("indexed");
    service.at(1).refuse(new ApiProblem(413, { code: "upload_too_large" }));
    await settle();
    queue.clearFinished();
    expect(queue.entry(done)).toBeUndefined();
    expect(status(failed)).toBe("failed");
  });
});

test("sent again, an upload keeps its key; another upload and another choice have their own", async () => {
  const id = queue.add(folder, file("a.pdf"));
  queue.add(folder, file("b.pdf"));
  await settle();
  service.at(0).refuse(new NetworkProblem());
  await vi.advanceTimersByTimeAsync(60_000);
  const [first, other, again] = service.sends.map((send) => send.key());
  expect(again).toBe(first);
  expect(other).not.toBe(first);
  service.at(2).refuse(taken());
  await settle();
  queue.resolve(id, "rename");
  await settle();
  expect(service.at(3).key()).not.toBe(first);
});

describe("a name clash", () => {
  test("what was answered stays where it was, so that nothing moves under the pointer", async () => {
    const ids = ["a.pdf", "b.pdf", "c.pdf"].map((name) => queue.add(folder, file(name)));
    const [a = 0, b = 0, c = 0] = ids;
    await settle();
    service.at(1).refuse(taken());
    await settle();
    service.at(0).refuse(taken());
    await settle();
    expect(queue.ids()).toEqual([b, a, c]);
    queue.resolve(b, "skip");
    service.at(2).refuse(taken());
    await settle();
    expect(queue.ids()).toEqual([b, a, c]);
    expect(queue.ids("attention")).toEqual([a, c]);
    queue.resolveAll("skip");
    expect(queue.ids()).toEqual([b, a, c]);
    const later = queue.add(folder, file("d.pdf"));
    await settle();
    expect(queue.ids()).toEqual([b, later, a, c]);
  });

  test.each([
    ["version", "version"],
    ["rename", "rename"],
  ] as const)("resolved by %s sends on_conflict=%s", async (choice, onConflict) => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    service.at(0).refuse(taken());
    await settle();
    expect(queue.entry(id)).toMatchObject({
      status: "conflict",
      suggestedName: "a (1).pdf",
      documentId: 5,
    });
    queue.resolve(id, choice);
    await settle();
    expect(service.at(1).destination).toMatchObject({ onConflict });
  });

  test("skipped sends nothing more", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    service.at(0).refuse(taken());
    await settle();
    queue.resolve(id, "skip");
    await settle();
    expect(status(id)).toBe("skipped");
    expect(service.sends).toHaveLength(1);
  });

  test("decided for all answers the later ones of the same run too", async () => {
    const ids = ["a", "b", "c"].map((name) => queue.add(folder, file(name)));
    await settle();
    service.at(0).refuse(taken());
    await settle();
    queue.resolveAll("skip");
    service.at(1).refuse(taken());
    service.at(2).refuse(taken());
    await settle();
    expect(ids.map(status)).toEqual(["skipped", "skipped", "skipped"]);
    // The next drop is another decision.
    const later = queue.add(folder, file("d"));
    await settle();
    service.at(3).refuse(taken());
    await settle();
    expect(status(later)).toBe("conflict");
  });
});

describe("states nobody told", () => {
  test("are asked for soon when live events are down", async () => {
    service.connected = false;
    const id = queue.add(folder, file("a"));
    await settle();
    service.at(0).accept();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(service.asked).toBeGreaterThan(0);
    // The document has a newer version by now: this upload's wait is over.
    expect(status(id)).toBe("searchable");
  });

  test("are left to live events while those arrive", async () => {
    queue.add(folder, file("a"));
    await settle();
    service.at(0).accept();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(service.asked).toBe(0);
  });
});

describe("before it is sent, an upload", () => {
  test("is asked about, many at once", async () => {
    for (let index = 0; index < 500; index += 1) queue.add(folder, file(`${index}`));
    await settle();
    for (let index = 0; index < 250; index += 1) {
      service.at(index).accept("indexed");
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(service.inspected.map((batch) => batch.length)).toEqual([1, 200, 200]);
    expect(service.at(0).sha256).toBe("digest of 0");
  });

  test("that would be refused is not sent", async () => {
    service.problems.set("a.pdf", taken());
    service.problems.set("b.pdf", new ApiProblem(413, { code: "upload_too_large" }));
    const ids = ["a.pdf", "b.pdf"].map((name) => queue.add(folder, file(name)));
    await settle();
    expect(ids.map(status)).toEqual(["conflict", "failed"]);
    expect(service.sends).toHaveLength(0);
    queue.resolve(ids[0] ?? 0, "rename");
    await settle();
    expect(service.at(0).destination).toMatchObject({ onConflict: "rename" });
  });
});

describe("bytes that are filed already", () => {
  beforeEach(() => {
    for (const name of ["a.pdf", "b.pdf", "c.pdf"]) service.same.set(name, [filed("old.pdf")]);
  });

  test("are not sent before somebody chose", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    expect(status(id)).toBe("duplicate");
    expect(service.sends).toHaveLength(0);
    expect(queue.getSnapshot()).toMatchObject({ duplicates: 1, bytes: 0 });
  });

  test("need not be filed again: the upload points to the document there is", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    queue.resolveDuplicate(id, "existing");
    await settle();
    expect(queue.entry(id)).toMatchObject({ status: "existing", documentId: 77 });
    expect(service.sends).toHaveLength(0);
    expect(queue.getSnapshot().groups.done).toBe(1);
  });

  test("can be kept beside, even if the name then clashes", async () => {
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    queue.resolveDuplicate(id, "keep");
    await settle();
    service.at(0).refuse(taken());
    await settle();
    expect(status(id)).toBe("conflict");
    queue.resolve(id, "rename");
    await settle();
    service.at(1).accept("indexed");
    await settle();
    expect(status(id)).toBe("searchable");
  });

  test("can become a version of a document that had them", async () => {
    service.same.set("a.pdf", [filed("old.pdf", false)]);
    const id = queue.add(folder, file("a.pdf"));
    await settle();
    queue.becomeVersion(id, 77);
    await settle();
    expect(service.at(0).destination).toEqual({ kind: "version", documentId: 77, comment: "" });
  });

  test("are decided about for all of a run", async () => {
    const ids = ["a.pdf", "b.pdf"].map((name) => queue.add(folder, file(name)));
    await settle();
    queue.add(folder, file("other.pdf"));
    queue.resolveAllDuplicates("existing");
    ids.push(queue.add(folder, file("c.pdf")));
    await settle();
    expect(ids.map(status)).toEqual(["existing", "existing", "existing"]);
    expect(service.sends.map((send) => send.file.name)).toEqual(["other.pdf"]);
  });

  test("that only the answer tells of are told beside the result", async () => {
    const id = queue.add(folder, file("large.iso"));
    await settle();
    const document = { ...stored(1, "indexed"), same_content: [filed("old.iso")] };
    service.at(0).done(document);
    await settle();
    expect(queue.entry(id)?.same).toHaveLength(1);
    expect(status(id)).toBe("searchable");
  });
});

describe("an upload that is stopped", () => {
  test("by a pause goes on where it was", async () => {
    const id = queue.add(folder, file("a", 100));
    await settle();
    service.at(0).onUrl("/uploads/1");
    service.at(0).onProgress(40);
    queue.pause(id);
    await settle();
    expect(service.at(0).signal.aborted).toBe(true);
    expect(queue.entry(id)).toMatchObject({ status: "paused", sent: 40 });
    expect(service.discarded).toEqual([]);
    queue.unpause(id);
    await settle();
    expect(service.at(1).url).toBe("/uploads/1");
    expect(service.at(1).key()).toBe(service.at(0).key());
  });

  test("and resumed before it had stopped is still sent, once", async () => {
    const id = queue.add(folder, file("a", 100));
    await settle();
    queue.pause(id);
    queue.unpause(id);
    await settle();
    expect(service.sends).toHaveLength(2);
    expect(service.sends.filter((send) => !send.signal.aborted)).toHaveLength(1);
  });

  test("by losing the network goes on when it is back", async () => {
    const ids = ["a", "b", "c"].map((name) => queue.add(folder, file(name, 100)));
    await settle();
    service.at(0).onUrl("/uploads/1");
    queue.hold("offline");
    await settle();
    expect(ids.map(status)).toEqual(["queued", "queued", "queued"]);
    queue.resumeFrom("offline");
    await settle();
    expect(service.sends.slice(2).map((send) => [send.file.name, send.url])).toEqual([
      ["a", "/uploads/1"],
      ["b", null],
    ]);
  });

  test("by cancelling is given up by the service too", async () => {
    const id = queue.add(folder, file("a", 100));
    await settle();
    service.at(0).onUrl("/uploads/1");
    const key = service.at(0).key();
    queue.cancel(id);
    await settle();
    expect(service.discarded).toEqual(["/uploads/1"]);
    queue.retry(id);
    await settle();
    expect(service.at(1).url).toBeNull();
    // By the key of the one that was given up, the service would look for that.
    expect(service.at(1).key()).not.toBe(key);
  });
});

test("what the service has forgotten is begun anew under another name", async () => {
  await queue.restore("ada");
  const id = queue.add(folder, file("a", 100));
  await settle();
  const key = service.at(0).key();
  service.at(0).onUrl("/uploads/1");
  service.at(0).onProgress(50);
  service.at(0).onUrl(null);
  expect(service.at(0).key()).not.toBe(key);
  expect(queue.entry(id)?.sent).toBe(0);
  await kept();
  expect([...keeper.kept.values()].map((one) => one.url)).toEqual([null]);
});

describe("after a reload", () => {
  const reload = async () => {
    await kept();
    queue = new UploadQueue(service, keeper, 2);
    const left = await queue.restore("ada");
    await settle();
    return left;
  };
  const only = () => queue.ids()[0] ?? 0;

  test("what was unfinished is listed, and nothing else", async () => {
    await queue.restore("ada");
    const ids = ["a", "b", "c", "d", "e"].map((name) => queue.add(folder, file(name)));
    await settle();
    service.at(0).accept("pending");
    queue.cancel(ids[1] ?? 0);
    await settle();
    expect(await reload()).toBe(3);
    expect(queue.ids().map((id) => [queue.entry(id)?.name, status(id)])).toEqual([
      ["c", "interrupted"],
      ["d", "interrupted"],
      ["e", "interrupted"],
    ]);
    expect(queue.getSnapshot()).toMatchObject({ interrupted: 3, bytes: 0 });
  });

  test("another user sees nothing of it", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"));
    await kept();
    queue = new UploadQueue(service, keeper, 2);
    expect(await queue.restore("bob")).toBe(0);
  });

  test("it goes on where it stopped once the same file is dropped again", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a", 100), ["x"]);
    await settle();
    const key = service.at(0).key();
    service.at(0).onUrl("/uploads/1");
    service.states.set("/uploads/1", { kind: "unfinished", offset: 60 });
    await reload();
    expect(queue.entry(only())).toMatchObject({ status: "interrupted", sent: 60 });
    // Changed since, or elsewhere, it is another file.
    await queue.addTree(7, [
      { kind: "file", file: file("a", 100, 2), folders: ["x"] },
      { kind: "file", file: file("a", 100), folders: ["y"] },
    ]);
    expect(queue.getSnapshot().interrupted).toBe(1);
    await queue.addTree(7, [{ kind: "file", file: file("a", 100), folders: ["x"] }]);
    service.at(1).accept("indexed");
    service.at(2).accept("indexed");
    await settle();
    expect(service.sends).toHaveLength(4);
    expect(service.at(3).url).toBe("/uploads/1");
    expect(service.at(3).key()).toBe(key);
  });

  test("the same files can be given without their folders", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"), ["x"]);
    await reload();
    const given = [file("a"), file("b")].map((one) => ({
      ...{ kind: "file" as const, file: one, folders: [] },
    }));
    expect(await queue.offer(given)).toBe(1);
    await settle();
    expect(queue.getSnapshot()).toMatchObject({ total: 1, interrupted: 0 });
  });

  test("what the service had all of is stored, without the file", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"));
    await settle();
    service.at(0).onUrl("/uploads/1");
    service.states.set("/uploads/1", { kind: "finished", document: stored(5, "indexed") });
    await reload();
    expect(queue.entry(only())).toMatchObject({ status: "searchable", documentId: 5 });
    await kept();
    expect(keeper.kept.size).toBe(0);
  });

  test("what was refused meanwhile says why", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"));
    await settle();
    service.at(0).onUrl("/uploads/1");
    const problem = new ApiProblem(400, { code: "virus_found", signature: "Eicar" });
    service.states.set("/uploads/1", { kind: "refused", problem });
    await reload();
    expect(status(only())).toBe("rejected");
  });

  test("what is given up is forgotten here and by the service", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"));
    await settle();
    service.at(0).onUrl("/uploads/1");
    service.states.set("/uploads/1", { kind: "unfinished", offset: 0 });
    await reload();
    queue.cancelInterrupted();
    await kept();
    expect(service.discarded).toEqual(["/uploads/1"]);
    expect(keeper.kept.size).toBe(0);
  });

  test("signing out stops uploads and keeps what is unfinished", async () => {
    await queue.restore("ada");
    queue.add(folder, file("a"));
    await kept();
    queue.reset();
    await kept();
    expect(queue.getSnapshot().total).toBe(0);
    expect(await queue.restore("ada")).toBe(1);
  });
});
