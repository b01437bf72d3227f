/** The way from the cabinet down; each step is a link and takes drops. */
import { Menu, Title, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChevronRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Crumb } from "@/api/types";
import classes from "./Breadcrumbs.module.css";
import { useFolderDrop } from "./drag";

type BreadcrumbsProps = {
  ancestors: readonly Step[];
  /** The page itself: the last step, not a link. */
  name: string;
  withRoot?: boolean;
  /** Whether a step leads to the access to the folder, rather than into it. */
  toAccess?: boolean;
};

type Step = Pick<Crumb, "id" | "name">;

/** Where a step leads. */
const leadsTo = ({ id }: Step, toAccess: boolean) =>
  toAccess
    ? ({ to: "/access/$kind/$id", params: { kind: "folder", id } } as const)
    : ({ to: "/library/$folderId", params: { folderId: id } } as const);

export function Breadcrumbs({
  ancestors,
  name,
  withRoot = true,
  toAccess = false,
}: BreadcrumbsProps) {
  const { t } = useTranslation();
  const phone = useMediaQuery("(max-width: 48em)");
  const room = phone ? 0 : ancestors.length > 3 ? 2 : ancestors.length;
  const shown = ancestors.slice(ancestors.length - room);
  const hidden = ancestors.slice(0, ancestors.length - room);
  return (
    <nav className={classes.crumbs} aria-label={t("library.breadcrumbs")}>
      {withRoot && !phone && (
        <>
          <Link to="/library" className={classes.crumb ?? ""}>
            {t("nav.library")}
          </Link>
          <Separator />
        </>
      )}
      {hidden.length > 0 && (
        <>
          <Menu position="bottom-start">
            <Menu.Target>
              <UnstyledButton className={classes.crumb ?? ""} aria-label={t("library.fullPath")}>
                …
              </UnstyledButton>
            </Menu.Target>
            <Menu.Dropdown>
              {hidden.map((crumb) => (
                <Menu.Item
                  key={crumb.id}
                  renderRoot={(props) => <Link {...leadsTo(crumb, toAccess)} {...props} />}
                >
                  {crumb.name}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <Separator />
        </>
      )}
      {shown.map((crumb) => (
        <StepLink key={crumb.id} crumb={crumb} toAccess={toAccess} />
      ))}
      <Title order={1} className={classes.here} title={name}>
        {name}
      </Title>
    </nav>
  );
}

function Separator() {
  return <IconChevronRight size={14} className={classes.separator} aria-hidden />;
}

function StepLink({ crumb, toAccess }: { crumb: Step; toAccess: boolean }) {
  const { over, handlers } = useFolderDrop(crumb.id);
  return (
    <>
      <Link
        {...leadsTo(crumb, toAccess)}
        className={classes.crumb ?? ""}
        data-over={over ?? undefined}
        title={crumb.name}
        {...handlers}
      >
        {crumb.name}
      </Link>
      <Separator />
    </>
  );
}
