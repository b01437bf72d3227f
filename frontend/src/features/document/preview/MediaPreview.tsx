/** Sound and film, streamed by the browser in ranges. */
import { Button, Center, Loader } from "@mantine/core";
import { IconDownload, IconPlayerPlayFilled } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorState, Message } from "@/components/States";
import { downloadDocument } from "@/features/library/operations";
import type { PreviewProps } from "./Preview";
import classes from "./Preview.module.css";
import { useTicket } from "./useTicket";

/** The address is good for five minutes: one that fails while it is younger was not the reason. */
const FRESH_MS = 60_000;

type Place = { at: number; playing: boolean };

export function MediaPreview({
  element: Element,
  ...props
}: PreviewProps & { element: "audio" | "video" }) {
  const { document, version } = props;
  const { t } = useTranslation();
  const ticket = useTicket(props);
  const left = useRef<Place | null>(null);
  const [unplayable, setUnplayable] = useState(false);

  if (ticket.isError) return <ErrorState error={ticket.error} />;
  if (unplayable) {
    return (
      <Message
        icon={IconPlayerPlayFilled}
        title={t("media.unplayable")}
        text={t("media.unplayableText")}
      >
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          onClick={() => void downloadDocument(document.id, version.number)}
        >
          {t("library.download")}
        </Button>
      </Message>
    );
  }
  /** Whoever listens for long, or jumps after a pause, finds the address too old: a new one goes on there. */
  const onError = (player: HTMLMediaElement) => {
    if (Date.now() - ticket.dataUpdatedAt < FRESH_MS) {
      setUnplayable(true);
      return;
    }
    left.current = { at: player.currentTime, playing: !player.paused };
    void ticket.refetch();
  };
  const onLoaded = (player: HTMLMediaElement) => {
    const place = left.current;
    if (!place) return;
    left.current = null;
    player.currentTime = place.at;
    if (place.playing) void player.play();
  };
  return (
    <Center p="md" style={{ flex: 1, minHeight: 0 }}>
      {ticket.data ? (
        <Element
          controls
          preload="metadata"
          src={ticket.data.url}
          aria-label={document.name}
          className={classes.media}
          onError={(event) => onError(event.currentTarget)}
          onLoadedMetadata={(event) => onLoaded(event.currentTarget)}
        />
      ) : (
        <Loader size="sm" />
      )}
    </Center>
  );
}
