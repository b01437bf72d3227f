/** Finding in the pages of a document: what is looked for, how often it is there, which hit is looked at. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { pageHitsQuery } from "@/api/queries";
import { countHits, hitAt, step } from "./hits";
import type { ViewedPages } from "./PageViewer";

export function useFind(
  { documentId, version }: ViewedPages,
  initial: string,
  goTo: (page: number) => void,
) {
  const [query, setQuery] = useState(initial.trim());
  const [number, setNumber] = useState(0);
  const { data } = useQuery({
    ...pageHitsQuery(documentId, version, query),
    enabled: query !== "",
  });
  const found = query === "" ? undefined : data;
  const pages = found?.pages;
  const total = pages === undefined ? null : countHits(pages);
  const hit = pages === undefined ? null : hitAt(pages, number);
  const page = hit?.page;
  useEffect(() => {
    if (page !== undefined) goTo(page);
  }, [page, goTo]);
  const change = useCallback((next: string) => {
    setQuery(next.trim());
    setNumber(0);
  }, []);
  return {
    query,
    setQuery: change,
    total,
    beyond: found?.beyond ?? null,
    number,
    hit,
    step: (by: 1 | -1) => setNumber((old) => step(total ?? 0, old, by)),
  };
}
