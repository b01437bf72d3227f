/** The SHA-256 of files, computed by a worker; null where a file could not be read. */

let worker: Worker | undefined;
let nextId = 1;
const waiting = new Map<number, (sha256: string | null) => void>();

function start(): Worker {
  const started = new Worker(new URL("./digest.worker.ts", import.meta.url), { type: "module" });
  started.onmessage = ({ data }: MessageEvent<{ id: number; sha256: string | null }>) => {
    waiting.get(data.id)?.(data.sha256);
    waiting.delete(data.id);
  };
  // Without digests files are uploaded all the same.
  started.onerror = () => {
    for (const tell of waiting.values()) tell(null);
    waiting.clear();
  };
  return started;
}

export function sha256Of(file: File): Promise<string | null> {
  worker ??= start();
  const id = nextId;
  nextId += 1;
  const answer = new Promise<string | null>((resolve) => waiting.set(id, resolve));
  worker.postMessage({ id, file });
  return answer;
}
