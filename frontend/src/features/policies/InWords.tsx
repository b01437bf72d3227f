/** What the policy being written says, in words, with the names of what it is about. */
import { Text, Title } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { inWords, type StatementWords } from "./statementWords";
import classes from "./Policies.module.css";
import type { PolicyDocument } from "./policyText";

type InWordsProps = { document: PolicyDocument; names: Record<string, string> };

export function InWords({ document, names }: InWordsProps) {
  const { t } = useTranslation();
  return (
    <section aria-label={t("policies.inWords")}>
      <Title order={3} fz="sm" mb={4}>
        {t("policies.inWords")}
      </Title>
      <ol className={classes.plain}>
        {inWords(t, document, names).map((statement, index) => (
          <li key={index} className={classes.statement} data-effect={statement.effect}>
            <Said statement={statement} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Said({
  statement: { effect, title, what, where, condition },
}: {
  statement: StatementWords;
}) {
  const { t } = useTranslation();
  const Mark = effect === "allow" ? IconCheck : IconX;
  return (
    <>
      <Mark size={16} aria-hidden className={classes.effect} />
      <div className={classes.text}>
        <Text size="sm">
          <strong>{t(`policies.does.${effect}`)}</strong> {what.join(", ")}
          <Text span size="xs" c="dimmed">
            {" "}
            ({title})
          </Text>
        </Text>
        <ul className={classes.plain}>
          {where.map(({ text, isMissing }) => (
            <li key={text} className={classes.where}>
              {text}
              {isMissing && <strong> {t("policies.missing")}</strong>}
            </li>
          ))}
        </ul>
        {condition !== null && <Text size="sm">{condition}</Text>}
      </div>
    </>
  );
}
