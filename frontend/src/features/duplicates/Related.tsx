/** What resembles a document: the same bytes elsewhere, and nearly the same text. Nothing, where nothing does. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { relatedQuery } from "@/api/queries";
import { formatShare } from "@/components/format";
import { DocumentLine } from "./DocumentLine";
import classes from "./Duplicates.module.css";

export function Related({ documentId }: { documentId: number }) {
  const { t } = useTranslation();
  const { data } = useQuery(relatedQuery(documentId));
  if (!data || data.same_content.length + data.similar_text.length === 0) return null;
  const same = new Set(data.same_content.map((one) => one.document_id));
  return (
    <section aria-labelledby="related" className={classes.related}>
      <Title order={2} size="h5" mt="lg" mb={4} id="related">
        {t("duplicates.related")}
      </Title>
      <ul className={classes.documents}>
        {data.same_content.map((one) => (
          <DocumentLine
            key={one.document_id}
            id={one.document_id}
            name={one.name}
            ancestors={one.ancestors}
            version={one.is_current ? undefined : one.version}
            fact={
              one.is_current
                ? t("duplicates.sameContent")
                : t("duplicates.sameAsVersion", { number: one.version })
            }
          />
        ))}
        {data.similar_text
          .filter(({ document }) => !same.has(document.id))
          .map(({ document, similarity }) => (
            <DocumentLine
              key={document.id}
              id={document.id}
              name={document.name}
              mediaType={document.media_type}
              ancestors={document.ancestors}
              fact={t("duplicates.similar", { share: formatShare(similarity) })}
            />
          ))}
      </ul>
    </section>
  );
}
