/** What an event of the audit trail says: old and new values side by side, other facts as they are. */
import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import classes from "./Changes.module.css";

type Values = Record<string, unknown>;

const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value as text: what is a text stays one, lists are told by their members. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(showValue).join(", ") || "–";
  if (isValues(value)) {
    const members = Object.entries(value).map(([name, one]) => `${name}: ${showValue(one)}`);
    return members.join("; ") || "–";
  }
  return JSON.stringify(value);
}

export function Changes({ data }: { data: Values }) {
  const { t } = useTranslation();
  const { old: before, new: after, ...facts } = data;
  const names = isValues(after) ? Object.keys(after) : [];
  return (
    <>
      {names.length > 0 && (
        <Table className={classes.table} verticalSpacing={4} fz="xs" layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("audit.what")}</Table.Th>
              <Table.Th>{t("audit.before")}</Table.Th>
              <Table.Th>{t("audit.after")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {names.map((name) => (
              <Table.Tr key={name}>
                <Table.Th scope="row">{name}</Table.Th>
                <Table.Td>{showValue(isValues(before) ? before[name] : undefined)}</Table.Td>
                <Table.Td>{showValue(isValues(after) ? after[name] : undefined)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {Object.keys(facts).length > 0 && (
        <Text size="xs" className={classes.facts}>
          {showValue(facts)}
        </Text>
      )}
    </>
  );
}
