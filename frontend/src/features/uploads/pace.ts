/** How long the uploads will still take, judged by what the last half minute has done. */

/** How far the uploads are, or how far they are to come. */
export type Extent = { readonly files: number; readonly bytes: number };

type Sample = { readonly at: number; readonly done: number };

const WINDOW_MS = 30_000;
const ENOUGH_MS = 5_000;
const STEP_MS = 500;
/** What a file costs beside its bytes, in bytes: 3,000 small ones take as long as one that is large. */
const FILE = 256 * 1024;

const workOf = ({ files, bytes }: Extent): number => files * FILE + bytes;

export class Pace {
  private samples: Sample[] = [];

  /** Forgets what was: the uploads stand still. */
  stop(): void {
    this.samples = [];
  }

  /** The seconds that are left, at a time in milliseconds; null where nobody can tell. */
  left(at: number, reached: Extent, whole: Extent): number | null {
    const done = workOf(reached);
    const last = this.samples.at(-1);
    // Something was taken off the list: what is done now cannot be compared with what was.
    if (last && done < last.done) this.stop();
    if (!last || at - last.at >= STEP_MS) this.samples.push({ at, done });
    this.samples = this.samples.filter((one) => one.at >= at - WINDOW_MS);
    const [first] = this.samples;
    if (!first || at - first.at < ENOUGH_MS || done === first.done) return null;
    return ((workOf(whole) - done) * (at - first.at)) / (done - first.done) / 1000;
  }
}
