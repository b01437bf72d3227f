/** The icon of a document or folder: a familiar glyph in the colour of its family. */
import {
  IconArchive,
  IconArchiveFilled,
  IconFile,
  IconFileMusic,
  IconFileText,
  IconFileTypePdf,
  IconFileTypography,
  IconFolderFilled,
  IconMail,
  IconMovie,
  IconPhoto,
  IconPresentation,
  IconTable,
} from "@tabler/icons-react";
import type { FolderKind } from "@/api/types";
import { familyOf, type Family } from "./mediaFamily";

const GLYPHS: Record<Family, readonly [typeof IconFile, string]> = {
  pdf: [IconFileTypePdf, "light-dark(#d6393f, #f0767b)"],
  document: [IconFileTypography, "light-dark(#3a6fd8, #78a2f5)"],
  spreadsheet: [IconTable, "light-dark(#1f9254, #4fc489)"],
  presentation: [IconPresentation, "light-dark(#d9711c, #f09a55)"],
  image: [IconPhoto, "light-dark(#9050d6, #b98af0)"],
  text: [IconFileText, "light-dark(#64748b, #98a6bd)"],
  email: [IconMail, "light-dark(#0e8aa8, #4bb8d3)"],
  archive: [IconArchive, "light-dark(#9a7b1c, #cdae4f)"],
  audio: [IconFileMusic, "light-dark(#c0408f, #e078b6)"],
  video: [IconMovie, "light-dark(#c0408f, #e078b6)"],
  other: [IconFile, "light-dark(#64748b, #98a6bd)"],
};

type DocumentIconProps = { name: string; mediaType?: string; size?: number };

export function DocumentIcon({ name, mediaType = "", size = 18 }: DocumentIconProps) {
  const [Glyph, color] = GLYPHS[familyOf(mediaType, name)];
  return <Glyph aria-hidden size={size} stroke={1.7} color={color} style={{ flexShrink: 0 }} />;
}

type FolderIconProps = { kind: FolderKind; size?: number };

/** Cabinets, drawers and folders look different, so that one sees the level at a glance. */
export function FolderIcon({ kind, size = 18 }: FolderIconProps) {
  const style = { flexShrink: 0 };
  if (kind === "cabinet") {
    return <CabinetGlyph size={size} />;
  }
  if (kind === "drawer") {
    return <IconArchiveFilled aria-hidden size={size} color="#8d9cc4" style={style} />;
  }
  return <IconFolderFilled aria-hidden size={size} color="#e2a93b" style={style} />;
}

/** A filing cabinet with two drawers; the icon set has none. */
function CabinetGlyph({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden style={{ flexShrink: 0 }}>
      <rect x="4" y="2" width="16" height="9.5" rx="2" fill="#5b76c9" />
      <rect x="4" y="12.5" width="16" height="9.5" rx="2" fill="#5b76c9" />
      <path d="M9.5 6.5h5M9.5 17h5" stroke="#fff" strokeWidth="1.8" strokeLinecap="round" />
    </svg>
  );
}
