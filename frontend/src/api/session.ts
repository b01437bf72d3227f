/**
 * The signed-in session: an access token held in memory only, renewed by the HttpOnly refresh
 * cookie. Nothing is written to storage a script could read.
 */
import { ApiProblem, NetworkProblem, problemFromResponse } from "./problem";
import type { AccessToken } from "./types";

export type SessionState = "unknown" | "signed_in" | "signed_out";

/** Renew this long before the token runs out, so that long uploads do not start with a dying one. */
const RENEW_MARGIN_MS = 30_000;

type Held = { token: string; expiresAt: number; organisation: unknown };

let held: Held | null = null;
let state: SessionState = "unknown";
let renewing: Promise<string | null> | null = null;
const listeners = new Set<() => void>();
const movedListeners = new Set<() => void>();

function setState(next: SessionState): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

/** The organisation an access token is for; it is the service that checks the token, not we. */
function organisationOf(token: string): unknown {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return (JSON.parse(atob(payload)) as { org?: unknown }).org;
  } catch {
    return undefined;
  }
}

function hold(answer: AccessToken): string {
  held = {
    token: answer.access_token,
    expiresAt: Date.now() + answer.expires_in * 1000,
    organisation: organisationOf(answer.access_token),
  };
  setState("signed_in");
  return answer.access_token;
}

async function post(path: string, body?: unknown, token?: string): Promise<Response> {
  try {
    return await fetch(`/api/v1/auth/${path}`, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (cause) {
    throw new NetworkProblem(cause);
  }
}

/** Refresh tokens rotate, and using one twice ends the session: tabs must take turns. */
async function oneTabAtATime(work: () => Promise<Response>): Promise<Response> {
  // Browsers offer locks to secure origins only.
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks ? await locks.request("dms-session-refresh", work) : await work();
}

async function renew(): Promise<string | null> {
  const response = await oneTabAtATime(() => post("refresh"));
  if (response.ok) {
    const before = held?.organisation;
    const token = hold((await response.json()) as AccessToken);
    // The cookie is all tabs': another one has gone on in another organisation.
    if (before !== undefined && before !== held?.organisation) {
      for (const listener of movedListeners) listener();
    }
    return token;
  }
  if (response.status === 401) {
    held = null;
    setState("signed_out");
    return null;
  }
  throw await problemFromResponse(response);
}

export const session = {
  get state(): SessionState {
    return state;
  },

  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  /**
   * A new access token by the refresh cookie, however many ask at once; null when the session is
   * over. Throws when the service could not be asked: that is not a sign-out.
   */
  refresh(): Promise<string | null> {
    renewing ??= renew().finally(() => {
      renewing = null;
    });
    return renewing;
  },

  /** A token good for at least half a minute, or null when nobody is signed in. */
  async token(): Promise<string | null> {
    if (state === "signed_out") return null;
    if (held && held.expiresAt - Date.now() > RENEW_MARGIN_MS) return held.token;
    return session.refresh();
  },

  /** The token a request was refused with is dead; get another unless someone already did. */
  async replace(refused: string | null): Promise<string | null> {
    if (held && held.token !== refused) return held.token;
    return session.refresh();
  },

  signIn(email: string, password: string): Promise<AccessToken> {
    return session.enter("login", { email, password });
  },

  /** Take a step that ends in a session: `POST /auth/<step>`. */
  async enter<Entered extends AccessToken>(step: string, body: unknown): Promise<Entered> {
    const entered = await session.step<Entered>(step, body);
    hold(entered);
    return entered;
  },

  /** Take a step of signing in that is followed by another. */
  async step<Answer>(step: string, body: unknown): Promise<Answer> {
    const response = await post(step, body);
    if (!response.ok) throw await problemFromResponse(response);
    return (await response.json()) as Answer;
  },

  /** Called when another tab took the session to another organisation: nothing shown here holds. */
  onMoved(listener: () => void): () => void {
    movedListeners.add(listener);
    return () => movedListeners.delete(listener);
  },

  /** Goes on in another organisation; what is shown and cached is not of there. */
  async switchTo(organisationId: number): Promise<void> {
    const token = await session.token();
    const response = await post("switch", { organisation_id: organisationId }, token ?? undefined);
    if (!response.ok) throw await problemFromResponse(response);
    hold((await response.json()) as AccessToken);
  },

  /** Accepts an invitation with a new account, which is signed in at once. */
  async acceptInvitation(token: string, name: string, password: string): Promise<void> {
    const response = await post("invitation/accept", { token, name, password });
    if (!response.ok) throw await problemFromResponse(response);
    hold((await response.json()) as AccessToken);
  },

  /** Accepts an invitation with the account that has its address, by the password of that. */
  async joinByInvitation(token: string, password: string): Promise<void> {
    await session.enter("invitation/join", { token, password });
  },

  async signOut(): Promise<void> {
    try {
      await post("logout");
    } catch (error) {
      if (!(error instanceof NetworkProblem) && !(error instanceof ApiProblem)) throw error;
    } finally {
      held = null;
      setState("signed_out");
    }
  },
};
