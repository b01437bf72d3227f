import { describe, expect, test } from "vitest";
import { decodeText } from "./decodeText";
import { previewKind } from "./previewKind";

describe("decodeText", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test("UTF-8, even when a range ends inside a character", () => {
    const whole = bytes("größe €");
    expect(decodeText(whole)).toBe("größe €");
    expect(decodeText(whole.subarray(0, whole.length - 1))).toBe("größe ");
  });

  test("windows-1252 when it is not UTF-8", () => {
    expect(decodeText(new Uint8Array([0x67, 0x72, 0xf6, 0xdf, 0x65, 0x20, 0x21, 0x21, 0x21]))).toBe(
      "größe !!!",
    );
  });

  test("UTF-16 by its mark", () => {
    expect(decodeText(new Uint8Array([0xff, 0xfe, 0x41, 0x00]))).toBe("A");
  });

  test("nothing", () => {
    expect(decodeText(new Uint8Array())).toBe("");
  });
});

test.each([
  ["application/pdf", "a.pdf", "pdf"],
  ["application/octet-stream", "a.PDF", "pdf"],
  ["image/png", "a.png", "image"],
  ["image/tiff", "a.tif", "extracted"],
  ["text/plain; charset=utf-8", "a.txt", "text"],
  ["text/html", "a.html", "extracted"],
  ["application/json", "a.json", "text"],
  ["video/mp4", "a.mp4", "video"],
  ["application/vnd.oasis.opendocument.text", "a.odt", "extracted"],
])("%s (%s) is shown as %s", (type, name, kind) => {
  expect(previewKind(type, name)).toBe(kind);
});
