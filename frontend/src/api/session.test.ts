import { beforeEach, describe, expect, test, vi } from "vitest";

const answer = (token: string, expires_in = 900) =>
  Response.json({ access_token: token, token_type: "bearer", expires_in });
const ended = () => Response.json({ code: "session_ended" }, { status: 401 });

const fetching = vi.fn<typeof fetch>();

async function load() {
  vi.resetModules();
  const { session } = await import("./session");
  const { apiFetch } = await import("./http");
  return { session, apiFetch };
}

beforeEach(() => {
  fetching.mockReset();
  vi.stubGlobal("fetch", fetching);
  vi.stubGlobal("navigator", {});
});

const urlOf = (input: Parameters<typeof fetch>[0]): string =>
  input instanceof Request ? input.url : String(input);
const callsTo = (path: string) =>
  fetching.mock.calls.filter(([input]) => urlOf(input).endsWith(path)).length;

const tokenFor = (org: number) => `head.${btoa(JSON.stringify({ org }))}.signature`;

describe("an organisation", () => {
  test("that another tab went to is told of, once", async () => {
    const { session } = await load();
    const moved = vi.fn();
    session.onMoved(moved);
    for (const org of [1, 1, 2]) {
      fetching.mockResolvedValueOnce(answer(tokenFor(org)));
      await session.refresh();
    }
    expect(moved).toHaveBeenCalledTimes(1);
  });

  test("that was chosen here is not", async () => {
    const { session } = await load();
    const moved = vi.fn();
    session.onMoved(moved);
    fetching.mockResolvedValueOnce(answer(tokenFor(1)));
    await session.refresh();
    fetching.mockResolvedValueOnce(answer(tokenFor(2)));
    await session.switchTo(2);
    const [input, init] = fetching.mock.lastCall ?? [];
    expect([input, init?.body]).toEqual(["/api/v1/auth/switch", '{"organisation_id":2}']);
    expect(init?.headers).toMatchObject({ Authorization: `Bearer ${tokenFor(1)}` });
    fetching.mockResolvedValueOnce(answer(tokenFor(2)));
    await session.refresh();
    expect(moved).not.toHaveBeenCalled();
  });
});

describe("session", () => {
  test("refreshes once, however many ask at once", async () => {
    const { session } = await load();
    fetching.mockImplementation(() => Promise.resolve(answer("one")));
    const tokens = await Promise.all([session.token(), session.token(), session.refresh()]);
    expect(tokens).toEqual(["one", "one", "one"]);
    expect(fetching).toHaveBeenCalledTimes(1);
    expect(session.state).toBe("signed_in");
  });

  test("renews a token that is about to run out", async () => {
    const { session } = await load();
    fetching.mockResolvedValueOnce(answer("short", 20));
    fetching.mockResolvedValueOnce(answer("long"));
    await session.refresh();
    expect(await session.token()).toBe("long");
  });

  test("is over when the cookie is refused, and says so", async () => {
    const { session } = await load();
    const heard = vi.fn();
    session.subscribe(heard);
    fetching.mockResolvedValueOnce(ended());
    expect(await session.refresh()).toBeNull();
    expect(session.state).toBe("signed_out");
    expect(heard).toHaveBeenCalledTimes(1);
    expect(await session.token()).toBeNull();
  });

  test("is not over when the service cannot be reached", async () => {
    const { session } = await load();
    fetching.mockRejectedValueOnce(new TypeError("network"));
    await expect(session.refresh()).rejects.toThrow("No answer");
    expect(session.state).toBe("unknown");
  });
});

describe("apiFetch", () => {
  const request = () => new Request("http://dms.test/api/v1/thing", { method: "POST", body: "x" });

  test("repeats a request once with a new token after 401", async () => {
    const { apiFetch } = await load();
    const seen: string[] = [];
    const tokens = ["old", "new"];
    fetching.mockImplementation(async (input) => {
      if (!(input instanceof Request)) return answer(tokens.shift() ?? "more");
      seen.push(`${input.headers.get("Authorization")} ${await input.text()}`);
      return seen.length === 1 ? ended() : Response.json({});
    });
    const response = await apiFetch(request());
    expect(response.status).toBe(200);
    expect(seen).toEqual(["Bearer old x", "Bearer new x"]);
  });

  test("of many requests refused at once, only one refreshes", async () => {
    const { apiFetch } = await load();
    const tokens = ["old", "new", "unneeded"];
    fetching.mockImplementation((input) => {
      if (!(input instanceof Request)) return Promise.resolve(answer(tokens.shift() ?? "more"));
      const fresh = input.headers.get("Authorization") === "Bearer new";
      return Promise.resolve(fresh ? Response.json({}) : ended());
    });
    const responses = await Promise.all([1, 2, 3, 4].map(() => apiFetch(request())));
    expect(responses.map((one) => one.status)).toEqual([200, 200, 200, 200]);
    expect(callsTo("/auth/refresh")).toBe(2);
  });

  test("gives the refusal back when there is no new token", async () => {
    const { apiFetch } = await load();
    fetching.mockResolvedValueOnce(answer("old"));
    fetching.mockImplementation(() => Promise.resolve(ended()));
    expect((await apiFetch(request())).status).toBe(401);
    expect(callsTo("/thing")).toBe(1);
  });
});
