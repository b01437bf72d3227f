import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { Document, IndexStatus } from "@/api/types";
import { UploadQueue, type UploadService } from "./queue";
import type { SendOptions } from "./transport";

/** A service whose uploads end when the test says so. */
class Service implements UploadService {
  readonly sends: (SendOptions & {
    accept: (index?: IndexStatus) => void;
    refuse: (error: unknown) => void;
  })[] = [];
  readonly ensured: string[] = [];
  indexed: IndexStatus = "indexed";
  asked = 0;
  connected = true;
  private nextId = 100;

  send = (options: SendOptions): Promise<Document> =>
    new Promise((resolve, reject) => {
      options.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      this.sends.push({
        ...options,
        accept: (index = "pending") => {
          this.nextId += 1;
          resolve(stored(this.nextId, index));
        },
        refuse: reject,
      });
    });

  ensureFolder = (root: number, path: readonly string[]): Promise<number> => {
    this.ensured.push([root, ...path].join("/"));
    return Promise.resolve(root + path.length);
  };

  document = (id: number): Promise<Document> => {
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

const stored = (id: number, index_status: IndexStatus): Document =>
  ({ id, folder_id: 1, current_version: { id: id + 1000, index_status } }) as Document;

const file = (name: string, size = 10): File => new File([new Uint8Array(size)], name);
const folder = { kind: "folder", folderId: 7 } as const;
const taken = () =>
  new ApiProblem(409, { code: "name_taken", document_id: 5, suggestions: { rename: "a (1).pdf" } });

let service: Service;
let queue: UploadQueue;

const settle = () => vi.advanceTimersByTimeAsync(150);
const status = (id: number) => queue.entry(id)?.status;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
  queue = new UploadQueue(service, 2);
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
    for (let round = 0; round < 4; round += 1) {
      await vi.advanceTimersByTimeAsync(60_000);
      service.at(round).refuse(new NetworkProblem());
      await settle();
    }
    expect(status(id)).toBe("failed");
    queue.retryFailed();
    await settle();
    expect(service.sends).toHaveLength(5);
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
  const [first, other, again] = service.sends.map((send) => send.key);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
  service.at(2).refuse(taken());
  await settle();
  queue.resolve(id, "rename");
  await settle();
  expect(service.at(3).key).not.toBe(first);
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
