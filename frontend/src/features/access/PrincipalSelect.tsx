/** Choice of a person or a group; the service searches. */
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { principalsQuery } from "@/api/queries";
import type { Principal } from "@/api/types";
import { isGroup } from "./words";

type PrincipalSelectProps = {
  label: string;
  value: Principal | null;
  onChange: (value: Principal | null) => void;
  /** Who is left out, as the service writes them. */
  without?: ReadonlySet<string>;
  /** Only people, no groups. */
  peopleOnly?: boolean;
  description?: string;
  required?: boolean;
};

const labelOf = (one: Principal): string =>
  one.email === null ? one.name : `${one.name} (${one.email})`;

export function PrincipalSelect({
  label,
  value,
  onChange,
  without,
  peopleOnly = false,
  description,
  required = false,
}: PrincipalSelectProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [sought] = useDebouncedValue(typed, 200);
  // The box shows who is chosen by their label, which is no search for them.
  const words = value !== null && sought === labelOf(value) ? "" : sought;
  const found = useQuery({ ...principalsQuery(words), placeholderData: keepPreviousData });
  const candidates = (found.data ?? []).filter(
    (one) => !without?.has(one.principal) && !(peopleOnly && isGroup(one)),
  );
  const shown =
    value === null || candidates.some((one) => one.principal === value.principal)
      ? candidates
      : [value, ...candidates];
  const options = (ones: Principal[]) =>
    ones.map((one) => ({ value: one.principal, label: labelOf(one) }));
  return (
    <Select
      label={label}
      description={description}
      required={required}
      withAsterisk={false}
      placeholder={t(peopleOnly ? "access.choosePerson" : "access.choose")}
      searchable
      clearable
      nothingFoundMessage={t("access.nobodyFound")}
      filter={({ options: all }) => all}
      onSearchChange={setTyped}
      data={
        peopleOnly
          ? options(shown)
          : [
              { group: t("people.groups.title"), items: options(shown.filter(isGroup)) },
              { group: t("nav.users"), items: options(shown.filter((one) => !isGroup(one))) },
            ]
      }
      value={value?.principal ?? null}
      onChange={(chosen) => onChange(shown.find((one) => one.principal === chosen) ?? null)}
    />
  );
}
