/** The access to a folder or document on a page of its own: it needs no right to read what is in it. */
import { Button } from "@mantine/core";
import { useDocumentTitle, useMediaQuery } from "@mantine/hooks";
import { IconArrowLeft, IconShieldLock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { accessResourceQuery } from "@/api/queries";
import type { Resource } from "@/api/types";
import { PageHead } from "@/components/PageHead";
import { Breadcrumbs } from "@/features/library/Breadcrumbs";
import classes from "./Access.module.css";
import { AccessPanel } from "./AccessPanel";
import { writeResource } from "./words";

const route = getRouteApi("/app/access/$kind/$id");

export function AccessPage() {
  const { t } = useTranslation();
  const resource = route.useParams();
  const { of } = route.useSearch();
  const navigate = route.useNavigate();
  const found = useQuery(accessResourceQuery(writeResource(resource)));
  const roomy = useMediaQuery("(min-width: 75em)", undefined, { getInitialValueInEffect: false });
  const name = found.data?.name ?? "…";
  useDocumentTitle(`${t("access.of", { name })} · ${t("app.name")}`);
  return (
    <>
      <PageHead
        title={
          <>
            <IconShieldLock size={20} stroke={1.7} aria-hidden style={{ flexShrink: 0 }} />
            <Breadcrumbs
              ancestors={found.data?.ancestors ?? []}
              name={t("access.of", { name })}
              withRoot={false}
              toAccess
            />
          </>
        }
      >
        <Back to={resource} />
      </PageHead>
      <div
        className={classes.page}
        tabIndex={0}
        role="region"
        aria-label={t("access.of", { name })}
      >
        <AccessPanel
          key={writeResource(resource)}
          resource={resource}
          of={of}
          onAsk={(next) => void navigate({ search: { of: next }, replace: true })}
          wide={roomy}
        />
      </div>
    </>
  );
}

function Back({ to: { kind, id } }: { to: Resource }) {
  const { t } = useTranslation();
  const look = { variant: "default", leftSection: <IconArrowLeft size={15} /> } as const;
  if (kind === "folder") {
    return (
      <Button
        {...look}
        renderRoot={(props) => (
          <Link to="/library/$folderId" params={{ folderId: id }} {...props} />
        )}
      >
        {t("access.toFolder")}
      </Button>
    );
  }
  return (
    <Button
      {...look}
      renderRoot={(props) => (
        <Link to="/documents/$documentId" params={{ documentId: id }} {...props} />
      )}
    >
      {t("access.toDocument")}
    </Button>
  );
}
