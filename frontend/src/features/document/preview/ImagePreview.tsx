/** A picture: fitted to the space, or in its own size to look closely. */
import { Center, Loader } from "@mantine/core";
import { IconPhotoOff } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorState, Message } from "@/components/States";
import type { PreviewProps } from "./Preview";
import classes from "./Preview.module.css";
import { useTicket } from "./useTicket";

export function ImagePreview(props: PreviewProps) {
  const { t } = useTranslation();
  const ticket = useTicket(props);
  const [large, setLarge] = useState(false);
  const [broken, setBroken] = useState(false);
  if (ticket.isError) return <ErrorState error={ticket.error} />;
  if (broken) {
    return (
      <Message icon={IconPhotoOff} title={t("preview.broken")} text={t("preview.brokenText")} />
    );
  }
  if (!ticket.data) {
    return (
      <Center style={{ flex: 1 }}>
        <Loader size="sm" />
      </Center>
    );
  }
  return (
    <button
      type="button"
      className={classes.imageFrame}
      data-large={large || undefined}
      aria-label={t(large ? "preview.fit" : "preview.enlarge")}
      onClick={() => setLarge(!large)}
    >
      <img src={ticket.data.url} alt={props.document.name} onError={() => setBroken(true)} />
    </button>
  );
}
