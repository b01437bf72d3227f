/** The work in the background: what waits, what runs, and what failed and waits for a decision. */
import { Badge, Button, Group, SegmentedControl, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock, IconPlayerPlay, IconProgressCheck } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import type { ParseKeys } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { dismissFailedJob, runFailedJob } from "@/api/calls";
import { failedJobsQuery, jobsQuery, keys, queryClient } from "@/api/queries";
import type { FailedJob, FailedState, JobQueue, JobsOverview } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatCount } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { More } from "@/components/PagedList";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { NamedDocument } from "./NamedDocument";
import classes from "./StoragePage.module.css";
import { useDuration } from "./useDuration";

const changed = () => queryClient.invalidateQueries({ queryKey: keys.jobs });

export function JobsPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("jobs.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("jobs.forbiddenText")} />
    );
  }
  return <Jobs />;
}

function Jobs() {
  const { t } = useTranslation();
  const jobs = useQuery(jobsQuery);
  return (
    <>
      <PageHead title={t("jobs.title")} />
      {jobs.isPending && <RowSkeletons />}
      {jobs.isError && <ErrorState error={jobs.error} onRetry={() => void jobs.refetch()} />}
      {jobs.isSuccess && (
        <div className={classes.page} tabIndex={0} role="region" aria-label={t("jobs.title")}>
          <Amounts overview={jobs.data} />
          <Running queues={jobs.data.queues ?? []} />
          <Failed />
        </div>
      )}
    </>
  );
}

function Amounts({ overview }: { overview: JobsOverview }) {
  const { t } = useTranslation();
  return (
    <dl className={classes.figures}>
      <div className={classes.figure}>
        <dt>{t("jobs.unread")}</dt>
        <dd className={classes.value}>{formatCount(overview.unread)}</dd>
        <dd className={classes.note}>{t("jobs.unreadNote")}</dd>
      </div>
      {overview.queues === null && (
        <div className={classes.figure}>
          <dt>{t("jobs.queues")}</dt>
          <dd className={classes.value}>{t("jobs.unknown")}</dd>
          <dd className={classes.note}>{t("jobs.unknownNote")}</dd>
        </div>
      )}
      {overview.queues?.map((queue) => (
        <QueueFigure key={queue.name} queue={queue} />
      ))}
    </dl>
  );
}

function QueueFigure({ queue }: { queue: JobQueue }) {
  const { t } = useTranslation();
  const duration = useDuration();
  const notes = [
    t("jobs.running", { count: queue.running, formatted: formatCount(queue.running) }),
    t("jobs.rate", { rate: formatCount(Math.round(queue.done_per_minute)) }),
    ...(queue.oldest_seconds !== null
      ? [t("jobs.oldest", { duration: duration(queue.oldest_seconds) })]
      : []),
    ...(queue.waiting > 0 && queue.estimated_seconds !== null
      ? [t("jobs.estimate", { duration: duration(queue.estimated_seconds) })]
      : []),
  ];
  return (
    <div className={classes.figure}>
      <dt>{t(`jobs.queue.${queue.name}`)}</dt>
      <dd className={classes.value}>
        {t("jobs.waiting", { count: queue.waiting, formatted: formatCount(queue.waiting) })}
      </dd>
      <dd className={classes.note}>{notes.join(" · ")}</dd>
    </div>
  );
}

function Running({ queues }: { queues: JobQueue[] }) {
  const { t } = useTranslation();
  const running = queues.flatMap((queue) => queue.jobs.map((job) => ({ ...job, queue })));
  if (running.length === 0) return null;
  return (
    <section aria-labelledby="running-heading">
      <Title order={2} id="running-heading" py="xs">
        {t("jobs.runningNow")}
      </Title>
      <ul className={classes.list}>
        {running.map((job, index) => (
          <li key={index} className={classes.row}>
            <Badge color="blue" w={110}>
              {t(`jobs.queue.${job.queue.name}`)}
            </Badge>
            <div className={classes.what}>
              <TaskName task={job.task} />
              {job.document && <NamedDocument document={job.document} />}
            </div>
            <Text size="xs" c="dimmed" className={classes.when}>
              <When at={job.since} />
            </Text>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What a task does, in words; one of another version of the service by its name. */
function TaskName({ task }: { task: string }) {
  const { t, i18n } = useTranslation();
  const key = `jobs.task.${task}`;
  return (
    <Text size="sm" fw={500} className={classes.detail}>
      {i18n.exists(key) ? t(key as ParseKeys) : task}
    </Text>
  );
}

function Failed() {
  const { t } = useTranslation();
  const [state, setState] = useState<FailedState>("waiting");
  const failed = useInfiniteQuery(failedJobsQuery(state));
  const items = failed.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section aria-labelledby="failed-heading">
      <Group justify="space-between" pt="lg" pb="xs">
        <Title order={2} id="failed-heading">
          {t("jobs.failed")}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={t("jobs.which")}
          data={[
            { value: "waiting", label: t("jobs.undecided") },
            { value: "settled", label: t("jobs.settled") },
          ]}
          value={state}
          onChange={(value) => setState(value === "settled" ? "settled" : "waiting")}
        />
      </Group>
      {failed.isPending && <RowSkeletons count={3} />}
      {failed.isError && <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />}
      {failed.isSuccess && items.length === 0 && (
        <Message icon={IconProgressCheck} color="teal" title={t(`jobs.none.${state}`)} />
      )}
      {items.length > 0 && (
        <ul className={classes.list}>
          {items.map((job) => (
            <FailedRow key={job.id} job={job} />
          ))}
        </ul>
      )}
      <More query={failed} />
    </section>
  );
}

const COLORS = { failed: "red", running_again: "blue", done: "teal", dismissed: "gray" } as const;

function FailedRow({ job }: { job: FailedJob }) {
  const { t } = useTranslation();
  const again = useMutation({
    mutationFn: () => runFailedJob(job.id),
    onSuccess: () => notifyDone(t("jobs.runsAgain")),
    onError: notifyError,
    onSettled: changed,
  });
  const dismiss = useMutation({
    mutationFn: () => dismissFailedJob(job.id),
    onSuccess: () => notifyDone(t("jobs.dismissedDone")),
    onError: notifyError,
    onSettled: changed,
  });
  return (
    <li className={classes.row}>
      <Badge color={COLORS[job.state]} w={110}>
        {t(`jobs.state.${job.state}`)}
      </Badge>
      <div className={classes.what}>
        <TaskName task={job.task} />
        {job.document && <NamedDocument document={job.document} />}
        <Text size="sm" className={classes.detail}>
          {t(`jobs.failure.${job.failure}`)}: {job.reason}
        </Text>
        <Text size="xs" c="dimmed" className={classes.detail}>
          {t("jobs.tries", { count: job.tries })}
          {job.is_global && ` · ${t("jobs.global")}`}
          {` · ${job.task} `}
          {JSON.stringify(job.arguments)}
        </Text>
        {job.decided_by && (
          <Text size="xs" c="dimmed">
            {t("jobs.decidedBy", { name: job.decided_by.name })}
          </Text>
        )}
        {job.state === "failed" && (
          <Group gap="xs" mt={6}>
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPlayerPlay size={14} />}
              loading={again.isPending}
              onClick={() => again.mutate()}
            >
              {t("jobs.runAgain")}
            </Button>
            <Button
              size="compact-sm"
              variant="subtle"
              loading={dismiss.isPending}
              onClick={() => dismiss.mutate()}
            >
              {t("jobs.dismiss")}
            </Button>
          </Group>
        )}
      </div>
      <Text size="xs" c="dimmed" className={classes.when}>
        <When at={job.last_failed_at} />
      </Text>
    </li>
  );
}
