/** Bytes to text when nothing says which encoding they are in. */

/** A range may end inside a character, which must not make good UTF-8 look bad. */
const LONGEST_CHARACTER = 4;

function utf8(bytes: Uint8Array): string | null {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let cut = 0; cut < LONGEST_CHARACTER && cut <= bytes.length; cut += 1) {
    try {
      return decoder.decode(bytes.subarray(0, bytes.length - cut));
    } catch {
      // One byte less, or not UTF-8 at all.
    }
  }
  return null;
}

export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return utf8(bytes) ?? new TextDecoder("windows-1252").decode(bytes);
}
