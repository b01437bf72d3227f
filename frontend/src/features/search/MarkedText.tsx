/** Text with hits marked: of a query's words, or as the service marked them. */
import { memo } from "react";
import { markSnippet, markWords, plainWords, type Piece } from "./words";

function Pieces({ pieces }: { pieces: readonly Piece[] }) {
  return pieces.map((piece, index) =>
    piece.hit ? <mark key={index}>{piece.text}</mark> : <span key={index}>{piece.text}</span>,
  );
}

type MarkedTextProps = { text: string; query: string | undefined };

export const MarkedText = memo(function MarkedText({ text, query }: MarkedTextProps) {
  return query === undefined ? text : <Pieces pieces={markWords(text, plainWords(query))} />;
});

export function Snippet({ text }: { text: string }) {
  return <Pieces pieces={markSnippet(text)} />;
}
