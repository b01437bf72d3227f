/** Sound and film, streamed by the browser in ranges. */
import { Center, Loader } from "@mantine/core";
import { ErrorState } from "@/components/States";
import type { PreviewProps } from "./Preview";
import classes from "./Preview.module.css";
import { useTicket } from "./useTicket";

export function MediaPreview({
  element: Element,
  ...props
}: PreviewProps & { element: "audio" | "video" }) {
  const ticket = useTicket(props);
  if (ticket.isError) return <ErrorState error={ticket.error} />;
  return (
    <Center p="md" style={{ flex: 1, minHeight: 0 }}>
      {ticket.data ? (
        <Element
          controls
          preload="metadata"
          src={ticket.data.url}
          aria-label={props.document.name}
          className={classes.media}
        />
      ) : (
        <Loader size="sm" />
      )}
    </Center>
  );
}
