/** An address the browser itself may load: `<img>` and `<video>` cannot send a bearer token. */
import { useQuery } from "@tanstack/react-query";
import { contentTicket } from "@/api/calls";
import type { PreviewProps } from "./Preview";

export function useTicket({ document, version }: PreviewProps) {
  return useQuery({
    queryKey: ["ticket", document.id, version.number],
    queryFn: () => contentTicket(document.id, version.number, "inline"),
    // A ticket is short-lived; what was loaded with it stays on the page.
    staleTime: Infinity,
    gcTime: 0,
  });
}
