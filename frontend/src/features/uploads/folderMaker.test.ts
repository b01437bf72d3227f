import { beforeEach, describe, expect, test } from "vitest";
import { FolderMaker, type FolderService } from "./folderMaker";

class Taken extends Error {}

type Row = { id: number; name: string; parent: number };

class Service implements FolderService {
  rows: Row[] = [];
  lists = 0;
  creates = 0;
  failNext = false;

  list = (parentId: number) => {
    this.lists += 1;
    return Promise.resolve(this.rows.filter((row) => row.parent === parentId));
  };

  create = (parentId: number, name: string) => {
    this.creates += 1;
    if (this.failNext) {
      this.failNext = false;
      return Promise.reject(new Error("no network"));
    }
    const existing = this.rows.some((row) => row.parent === parentId && row.name === name);
    if (existing) return Promise.reject(new Taken());
    const row = { id: 100 + this.rows.length, name, parent: parentId };
    this.rows.push(row);
    return Promise.resolve(row);
  };

  isTaken = (error: unknown) => error instanceof Taken;
}

let service: Service;
let maker: FolderMaker;

beforeEach(() => {
  service = new Service();
  maker = new FolderMaker(service);
});

describe("FolderMaker", () => {
  test("makes a path once, however many files ask for it at once", async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, () => maker.ensure(1, ["2026", "March", "Invoices"])),
    );
    expect(new Set(ids).size).toBe(1);
    expect(service.creates).toBe(3);
    // Nothing can be inside a folder made a moment ago, so only the root is listed.
    expect(service.lists).toBe(1);
  });

  test("reuses what exists, whatever its case", async () => {
    service.rows.push({ id: 5, name: "March", parent: 1 });
    expect(await maker.ensure(1, ["march"])).toBe(5);
    expect(service.creates).toBe(0);
  });

  test("takes the folder of whoever was faster", async () => {
    const list = service.list;
    let first = true;
    service.list = (parentId) => {
      const answer = first ? Promise.resolve([]) : list(parentId);
      first = false;
      return answer;
    };
    service.rows.push({ id: 9, name: "March", parent: 1 });
    expect(await maker.ensure(1, ["March"])).toBe(9);
  });

  test("tries again after a failure", async () => {
    service.failNext = true;
    await expect(maker.ensure(1, ["a"])).rejects.toThrow("no network");
    expect(await maker.ensure(1, ["a"])).toBe(100);
  });

  test("is the root itself for files that lay loose", async () => {
    expect(await maker.ensure(7, [])).toBe(7);
    expect(service.lists).toBe(0);
  });
});
