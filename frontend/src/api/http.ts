/** `fetch` for the API: adds the bearer token, renews it once on 401, turns silence into an error. */
import { NetworkProblem, problemFromResponse } from "./problem";
import { session } from "./session";

function withToken(request: Request, token: string | null): Request {
  if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    throw new NetworkProblem(cause);
  }
}

/** Resolves with any answer, refusals included. */
export async function apiFetch(input: Request): Promise<Response> {
  const again = input.clone();
  const token = await session.token();
  const response = await send(withToken(input, token));
  if (response.status !== 401) return response;
  const fresh = await session.replace(token);
  return fresh === null ? response : send(withToken(again, fresh));
}

/** Resolves with a successful answer only; throws {@link ApiProblem} for the rest. */
export async function apiFetchOk(path: string, init?: RequestInit): Promise<Response> {
  const response = await apiFetch(new Request(path, init));
  if (!response.ok) throw await problemFromResponse(response);
  return response;
}
