/** A point in time: short in place, in full on hover and for screen readers' titles. */
import { formatDateTime, formatWhen } from "./format";

export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} title={formatDateTime(at)} className="tabular">
      {formatWhen(at)}
    </time>
  );
}
