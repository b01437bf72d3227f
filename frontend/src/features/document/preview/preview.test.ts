import { describe, expect, test } from "vitest";
import { decodeText } from "./decodeText";
import { hasThumbnail, previewKind } from "./previewKind";

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
  ["application/pdf", "pages"],
  ["image/png", "pages"],
  ["image/tiff", "pages"],
  ["image/svg+xml", "extracted"],
  ["text/plain; charset=utf-8", "text"],
  ["text/html", "extracted"],
  ["application/json", "text"],
  ["video/mp4", "video"],
  ["application/vnd.oasis.opendocument.text", "pages"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "pages"],
  ["application/vnd.ms-excel.sheet.binary.macroenabled.12", "pages"],
  ["application/vnd.ms-outlook", "extracted"],
  ["application/zip", "extracted"],
])("%s is shown as %s", (type, kind) => {
  expect(previewKind(type)).toBe(kind);
});

test.each([
  ["application/pdf", true],
  ["text/plain", true],
  ["message/rfc822", true],
  ["text/html", true],
  ["application/vnd.ms-outlook", true],
  ["application/zip", false],
  ["application/octet-stream", false],
  ["audio/mpeg", false],
  ["video/mp4", false],
  ["image/svg+xml", false],
])("whether %s has a thumbnail: %s", (type, has) => {
  expect(hasThumbnail(type)).toBe(has);
});
