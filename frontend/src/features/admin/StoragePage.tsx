/** What is stored, when it was last checked, and what is wrong with it. */
import { Badge, Group, Progress, SegmentedControl, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock, IconShieldCheck, IconShieldQuestion } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { storageFaultsQuery, storageQuery } from "@/api/queries";
import type { FaultState, StorageFault, StorageStatus, StoreCheck } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatCount, formatSize } from "@/components/format";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { More } from "@/components/PagedList";
import { NamedDocument } from "./NamedDocument";
import { UploadLimitsSection } from "./UploadLimits";
import classes from "./StoragePage.module.css";

export function StoragePage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("nav.storage")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message
        icon={IconLock}
        title={t("users.forbiddenTitle")}
        text={t("storage.forbiddenText")}
      />
    );
  }
  return <Storage />;
}

const ACTIVE_MS = 3_000;
const RESTING_MS = 30_000;

/** A check tells nobody of its progress: while there is one, the page asks. */
function refetchEvery(check: StoreCheck | null | undefined): number | false {
  if (!check) return false;
  return check.is_active ? ACTIVE_MS : RESTING_MS;
}

function Storage() {
  const { t } = useTranslation();
  const storage = useQuery({
    ...storageQuery,
    refetchInterval: ({ state }) => refetchEvery(state.data?.current_check),
  });
  return (
    <>
      <PageHead title={t("nav.storage")} />
      {storage.isPending && <RowSkeletons />}
      {storage.isError && (
        <ErrorState error={storage.error} onRetry={() => void storage.refetch()} />
      )}
      {storage.isSuccess && (
        <div className={classes.page} tabIndex={0} role="region" aria-label={t("nav.storage")}>
          <Amounts status={storage.data} />
          {storage.data.current_check && <CheckUnderWay check={storage.data.current_check} />}
          <Faults status={storage.data} />
          <UploadLimitsSection />
        </div>
      )}
    </>
  );
}

type FigureProps = { label: string; value: ReactNode; note?: ReactNode };

function Figure({ label, value, note }: FigureProps) {
  return (
    <div className={classes.figure}>
      <dt>{label}</dt>
      <dd className={classes.value}>{value}</dd>
      {note !== undefined && <dd className={classes.note}>{note}</dd>}
    </div>
  );
}

function Amounts({ status }: { status: StorageStatus }) {
  const { t } = useTranslation();
  const { stored, unreferenced } = status;
  const inBlobs = (count: number) => t("storage.blobs", { count, formatted: formatCount(count) });
  return (
    <dl className={classes.figures}>
      <Figure
        label={t("storage.stored")}
        value={formatSize(stored.stored_size)}
        note={`${inBlobs(stored.blobs)} · ${t("storage.content", { size: formatSize(stored.size) })}`}
      />
      <Figure
        label={t("storage.unreferenced")}
        value={formatSize(unreferenced.stored_size)}
        note={inBlobs(unreferenced.blobs)}
      />
      <Figure
        label={t("storage.lastFull")}
        value={<LastCheck check={status.last_full_check} />}
        note={t("storage.lastFullNote")}
      />
      <Figure
        label={t("storage.next")}
        value={<NextCheck status={status} />}
        note={
          status.scrub_days > 0
            ? t("storage.everyDays", { count: status.scrub_days })
            : t("storage.neverNote")
        }
      />
    </dl>
  );
}

function LastCheck({ check }: { check: StoreCheck | null }) {
  const { t } = useTranslation();
  return check?.finished_at ? <When at={check.finished_at} /> : t("storage.notYet");
}

function NextCheck({ status }: { status: StorageStatus }) {
  const { t } = useTranslation();
  if (status.next_check_at) return <When at={status.next_check_at} />;
  return status.scrub_days > 0 ? t("storage.underWay") : t("storage.never");
}

function CheckUnderWay({ check }: { check: StoreCheck }) {
  const { t } = useTranslation();
  const percent = Math.floor(check.progress * 100);
  return (
    <section className={classes.check} aria-labelledby="check-heading">
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={550} id="check-heading">
          {t(`storage.check.${check.mode}`)}
          {check.sample_percent !== null &&
            ` · ${t("storage.sample", { percent: check.sample_percent })}`}
        </Text>
        <Text size="xs" c="dimmed">
          {t("storage.since")} <When at={check.started_at} />
          {" · "}
          {t(waiting(check))} · {percent} %
        </Text>
      </Group>
      <Progress value={percent} mt={6} aria-label={t("storage.progress")} />
    </section>
  );
}

/** The scrub rests between its slices; a check by command that rests was interrupted. */
function waiting(check: StoreCheck) {
  if (check.is_active) return "storage.reading";
  return check.trigger === "scrub" ? "storage.resting" : "storage.interrupted";
}

function Faults({ status }: { status: StorageStatus }) {
  const { t } = useTranslation();
  const [state, setState] = useState<FaultState>("open");
  const faults = useInfiniteQuery(storageFaultsQuery(state));
  const items = faults.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section aria-labelledby="faults-heading">
      <Group justify="space-between" py="xs">
        <Title order={2} id="faults-heading">
          {t("storage.faults")}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={t("storage.whichFaults")}
          data={[
            { value: "open", label: t("storage.open") },
            { value: "resolved", label: t("storage.resolved") },
          ]}
          value={state}
          onChange={(value) => setState(value === "resolved" ? "resolved" : "open")}
        />
      </Group>
      {faults.isPending && <RowSkeletons count={3} />}
      {faults.isError && <ErrorState error={faults.error} onRetry={() => void faults.refetch()} />}
      {faults.isSuccess && items.length === 0 && (
        <NoFaults state={state} checked={status.last_full_check !== null} />
      )}
      {items.length > 0 && (
        <>
          {state === "open" && (
            <Text size="sm" c="dimmed" pb="xs">
              {t("storage.advice")}
            </Text>
          )}
          <ul className={classes.list}>
            {items.map((fault) => (
              <FaultRow key={fault.id} fault={fault} />
            ))}
          </ul>
        </>
      )}
      <More query={faults} />
    </section>
  );
}

function NoFaults({ state, checked }: { state: FaultState; checked: boolean }) {
  const { t } = useTranslation();
  if (state === "resolved") {
    return <Message icon={IconShieldCheck} title={t("storage.noneResolved")} />;
  }
  return checked ? (
    <Message
      icon={IconShieldCheck}
      color="teal"
      title={t("storage.wholeTitle")}
      text={t("storage.wholeText")}
    />
  ) : (
    <Message
      icon={IconShieldQuestion}
      title={t("storage.uncheckedTitle")}
      text={t("storage.uncheckedText")}
    />
  );
}

function FaultRow({ fault }: { fault: StorageFault }) {
  const { t } = useTranslation();
  return (
    <li className={classes.row}>
      <Badge color={fault.resolved_at ? "gray" : fault.fault === "size" ? "yellow" : "red"} w={110}>
        {t(`storage.fault.${fault.fault}`)}
      </Badge>
      <div className={classes.what}>
        {fault.documents.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("storage.noDocument")}
          </Text>
        )}
        {fault.documents.map((document) => (
          <NamedDocument key={document.id} document={document} />
        ))}
        <Text size="xs" c="dimmed" className={classes.detail}>
          {fault.detail}
        </Text>
        <Text size="xs" c="dimmed" className={classes.detail}>
          SHA-256 {fault.sha256}
        </Text>
      </div>
      <Text size="xs" c="dimmed" className={classes.size}>
        {fault.size !== null && formatSize(fault.size)}
      </Text>
      <Text size="xs" c="dimmed" className={classes.when}>
        <When at={fault.resolved_at ?? fault.found_at} />
      </Text>
    </li>
  );
}
