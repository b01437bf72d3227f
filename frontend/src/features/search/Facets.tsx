/** Filters beside the results, with how many results each would leave. */
import { Stack, TextInput, Title, UnstyledButton } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Facets as FacetCounts } from "@/api/types";
import type { SearchSearch } from "@/app/search-params";
import { formatCount } from "@/components/format";
import { FAMILIES } from "@/components/mediaFamily";
import classes from "./SearchPage.module.css";

type FacetsProps = {
  search: SearchSearch;
  facets: FacetCounts;
  /** The counts are of a part of the results only. */
  estimated: boolean;
  onChange: (change: SearchSearch) => void;
};

type Choice = { value: string; label: string; count: number | null };

const SHOWN_TAGS = 12;

const DAY_MS = 86_400_000;
const daysAgo = (days: number): string =>
  new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);

export function Facets({ search, facets, estimated, onChange }: FacetsProps) {
  const { t } = useTranslation();
  const counts = new Map(facets.type.map(({ value, count }) => [value, count]));
  const types = FAMILIES.filter((family) => counts.has(family) || family === search.type).map(
    (family) => ({
      value: family,
      label: t(`family.${family}`),
      count: counts.get(family) ?? null,
    }),
  );
  const tags: Choice[] = facets.tag
    .slice(0, SHOWN_TAGS)
    .map(({ value, count }) => ({ value, label: value, count }));
  if (search.tag !== undefined && !tags.some((one) => one.value === search.tag)) {
    tags.unshift({ value: search.tag, label: search.tag, count: null });
  }
  const periods: Choice[] = [
    { value: daysAgo(7), label: t("search.period.week"), count: null },
    { value: daysAgo(30), label: t("search.period.month"), count: null },
    { value: daysAgo(365), label: t("search.period.year"), count: null },
  ];
  return (
    <Stack gap="lg">
      <FacetGroup
        title={t("search.facet.type")}
        choices={types}
        estimated={estimated}
        chosen={search.type}
        onChoose={(type) => onChange({ type: FAMILIES.find((family) => family === type) })}
      />
      <FacetGroup
        title={t("search.facet.tag")}
        choices={tags}
        estimated={estimated}
        chosen={search.tag}
        onChoose={(tag) => onChange({ tag })}
      />
      <FacetGroup
        title={t("search.facet.created")}
        choices={periods}
        chosen={search.after}
        onChoose={(after) => onChange({ after })}
      >
        <TextInput
          type="date"
          size="xs"
          mt={6}
          label={t("search.from")}
          value={search.after ?? ""}
          onChange={(event) => onChange({ after: event.currentTarget.value || undefined })}
        />
        <TextInput
          type="date"
          size="xs"
          label={t("search.to")}
          value={search.before ?? ""}
          onChange={(event) => onChange({ before: event.currentTarget.value || undefined })}
        />
      </FacetGroup>
    </Stack>
  );
}

type FacetGroupProps = {
  estimated?: boolean;
  title: string;
  choices: readonly Choice[];
  chosen: string | undefined;
  /** The chosen value, or undefined when a choice is taken back. */
  onChoose: (value: string | undefined) => void;
  children?: ReactNode;
};

function FacetGroup({
  title,
  choices,
  chosen,
  estimated = false,
  onChoose,
  children,
}: FacetGroupProps) {
  const heading = useId();
  if (choices.length === 0) return null;
  return (
    <div role="group" aria-labelledby={heading}>
      <Title order={2} id={heading} className={classes.facetTitle}>
        {title}
      </Title>
      {choices.map((choice) => {
        const on = choice.value === chosen;
        return (
          <UnstyledButton
            key={choice.value}
            className={classes.facet}
            data-on={on || undefined}
            aria-pressed={on}
            onClick={() => onChoose(on ? undefined : choice.value)}
          >
            <span className={classes.facetLabel}>{choice.label}</span>
            {on && <IconCheck size={14} stroke={2.2} aria-hidden />}
            {choice.count !== null && (
              <span className={classes.facetCount}>
                {estimated && "≈ "}
                {formatCount(choice.count)}
              </span>
            )}
          </UnstyledButton>
        );
      })}
      {children}
    </div>
  );
}
