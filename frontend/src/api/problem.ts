/**
 * RFC 9457 problem details as an exception. Everything the service refuses arrives here once, so
 * that screens only decide what to say about a `code`, never how to parse an answer.
 */

export type ProblemBody = {
  type?: string;
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
  errors?: { loc: (string | number)[]; msg: string }[];
  [key: string]: unknown;
};

/** The request was answered, with a refusal. */
export class ApiProblem extends Error {
  readonly status: number;
  /** Stable machine-readable name, e.g. `name_taken`; `http_502` style when the body had none. */
  readonly code: string;
  readonly body: ProblemBody;
  /** Seconds the service asked us to wait (`Retry-After`), if it did. */
  readonly retryAfter: number | null;

  constructor(status: number, body: ProblemBody, retryAfter: number | null = null) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "ApiProblem";
    this.status = status;
    this.code = body.code ?? `http_${status}`;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** The request never got an answer: no network, service down, connection cut. */
export class NetworkProblem extends Error {
  constructor(cause?: unknown) {
    super("No answer from the service", { cause });
    this.name = "NetworkProblem";
  }
}

export function parseRetryAfter(value: string | null): number | null {
  if (value === null) return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

export function problemFromText(status: number, text: string, retryAfter: string | null) {
  let body: ProblemBody = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed as ProblemBody;
  } catch {
    // A proxy's HTML page: the status alone has to do.
  }
  return new ApiProblem(status, body, parseRetryAfter(retryAfter));
}

/** For an answer whose body was read already. */
export function problemFromBody(response: Response, body: unknown): ApiProblem {
  const known = typeof body === "object" && body !== null ? (body as ProblemBody) : {};
  const wait = parseRetryAfter(response.headers.get("Retry-After"));
  return new ApiProblem(response.status, known, wait);
}

export async function problemFromResponse(response: Response): Promise<ApiProblem> {
  const text = await response.text().catch(() => "");
  return problemFromText(response.status, text, response.headers.get("Retry-After"));
}

export function isProblem(error: unknown, code: string): error is ApiProblem {
  return error instanceof ApiProblem && error.code === code;
}
