/** Computes SHA-256 of files, beside the page. */
import { createSHA256 } from "hash-wasm";

type Asked = { id: number; file: File };

const hasher = createSHA256();

async function digest(file: File): Promise<string> {
  const sha256 = (await hasher).init();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return sha256.digest();
    sha256.update(value);
  }
}

let last: Promise<unknown> = Promise.resolve();

self.onmessage = ({ data: { id, file } }: MessageEvent<Asked>) => {
  // One after the other: there is one hasher, and one disk.
  last = last.then(async () => {
    const sha256 = await digest(file).catch(() => null);
    self.postMessage({ id, sha256 });
  });
};
