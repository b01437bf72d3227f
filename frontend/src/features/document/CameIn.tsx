/** By which way a document came in, where it was not uploaded. */
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { originQuery } from "@/api/queries";
import type { Document } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatDateTime } from "@/components/format";
import { originLines } from "./cameIn";

/** A line of the facts; none while nothing is known. */
export function CameIn({ document }: { document: Document }) {
  const { t } = useTranslation();
  const { isAdministrator } = useMe();
  const { data: origin } = useQuery({
    ...originQuery(document.id),
    enabled: document.status === "active",
  });
  if (!origin) return null;
  const [way, ...details] = originLines(t, origin, document.name);
  return (
    <>
      <dt>{t("cameIn.title")}</dt>
      <dd>
        {way}
        {[...details, formatDateTime(origin.at)].map((line) => (
          <Text key={line} size="xs" c="dimmed" mt={2}>
            {line}
          </Text>
        ))}
        {isAdministrator && origin.kind !== "import" && (
          <Text size="xs" mt={2}>
            <Link to="/ways-in/items" search={{ document: document.id }}>
              {t("cameIn.item")}
            </Link>
          </Text>
        )}
      </dd>
    </>
  );
}
