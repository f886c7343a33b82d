// What a state means and what to do next, in words.

import { count, plural } from "/assets/words.js";

const REASONS = {
  source_corrupt: "Get the source file again, or mend it. If nothing was written yet, start the pipeline again; otherwise the mended file is another source, and a new job loads all of it.",
  table_refused: "Credentials, permissions or the table are not as they should be; the message says which. Mend that, then resume.",
  outage: "The table took nothing for as long as write.retry.max_outage allows. See to the table or the network, then resume.",
  max_rejected: "More was rejected than errors.max_rejected allows. Read the errors below. Raise the limit and resume; or mend schema or source, and start a new job.",
  storage: "The folder of the runs cannot be written. Make room there, then resume.",
  internal_error: "This is a bug of the loader: the log below has the traceback. Resume goes on from the last checkpoint.",
};

/** `{tone, title, message, next}` for a job, or null where there is nothing to say. */
export function advice(job) {
  const tell = TELLERS[job.state];
  return tell ? tell(job, job.report || {}) : null;
}

const TELLERS = {
  queued: (job) => ({
    tone: "wait",
    title: job.queue_position ? `Waits in the queue, number ${job.queue_position}.` : "Waits in the queue.",
    next: "Jobs run in order, a bounded number at once, and those of one pipeline one after the other.",
  }),
  stopping: () => ({
    tone: "wait",
    title: "Stopping.",
    next: "Reading has stopped; what is in flight settles and a checkpoint is written. That takes 10 s at most.",
  }),
  stopped: (job, report) => ({
    tone: "warn",
    title: "Stopped before its end.",
    message: /^stopped on request/.test(job.message || "") ? null : messageOf(job, report),
    next: onwards(job, report.unsettled
      ? "Resume goes on where it stopped, and sends what is unsettled again."
      : "Resume goes on where it stopped; nothing is written twice."),
  }),
  interrupted: (job, report) => ({
    tone: "bad",
    title: "Interrupted: the server or the machine ended while it ran.",
    message: messageOf(job, report),
    next: onwards(job, "No record is lost. Resume goes on from the last checkpoint and writes what came after it once more. A server with --auto-resume does so by itself, unless the job is stopped."),
  }),
  failed: (job, report) => ({
    tone: "bad",
    title: "Failed.",
    message: messageOf(job, report),
    next: failedNext(job, report),
  }),
  completed_with_errors: (job, report) => ({
    tone: "warn",
    title: notWritten(job, report),
    message: null,
    next: report.dead_letter && !report.dry_run
      ? "The errors below say which and why. Mend definition or records, then send the records that are mended with a new job; or load the rejected ones again on the server, from its folder of runs, with the definition's file (while nothing serves the tables, if they are in the embedded engine):"
      : "The errors below say which and why.",
    command: report.dead_letter && !report.dry_run ? `python -m pipeline replay ${quoted(report.dead_letter)} --config DEFINITION.yaml --runs-dir .` : null,
  }),
};

function messageOf(job, report) {
  const message = job.message || report.message || "";
  return message.replace(/; resume goes on with it$/, "") || null; // the line below says more of that
}

function onwards(job, resumable) {
  if (job.resumable) return resumable;
  const dry = job.overrides && job.overrides.dry_run ? "A dry run keeps no checkpoint. " : "";
  return `It cannot be resumed. ${dry}Start the pipeline again: it loads from the beginning.`;
}

function failedNext(job, report) {
  const known = REASONS[report.reason];
  if (known && job.resumable) return known;
  if (known) return `${known.replace(/, then resume\.$/, ".")} This job cannot be resumed: start the pipeline again.`;
  if (job.exit_code === 2 || job.exit_code === null) { // refused, or not started at all
    const untouched = job.attempts === 0 || (job.attempts === 1 && job.exit_code === 2);
    const lead = untouched
      ? "It ended before its first write: the table is as it was."
      : "It ended before its first write this time; what it wrote before is in the table.";
    if (job.upload && job.resumable) return `${lead} If the records that were sent are at fault, send better ones with a new job; mend anything else, then resume.`;
    return `${lead} Mend what the message says, then ${job.resumable ? "resume" : "start the pipeline again"}.`;
  }
  return onwards(job, "Mend what the message says, then resume: it goes on from the last checkpoint.");
}

function notWritten(job, report) {
  const parts = [];
  if (report.rejected) parts.push(`${plural(report.rejected, "item")} rejected`);
  if (report.failed) parts.push(`${count(report.failed)} failed after all attempts`);
  const good = job.overrides && job.overrides.dry_run ? "would have been written" : "was written";
  return parts.length ? `${parts.join(", ")}. Everything else ${good}.` : "Some records were not written.";
}

function quoted(path) {
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${String(path).replace(/'/g, "'\\''")}'`;
}
