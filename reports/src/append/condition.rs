//! The condition of an append run in words.

use crate::Record;
use crate::record::AppendPlan;
use crate::units;
use crate::words;

/// `8 threads; appends acknowledged once the operating system has it (buffered); ...`
pub(super) fn condition(plan: &AppendPlan) -> String {
    let durability = if plan.durability == AppendPlan::FSYNC {
        "acknowledged once it is on the device (fsync)"
    } else {
        "acknowledged once the operating system has it (buffered)"
    };
    format!(
        "{}; appends {durability}; {}; {}",
        words::plural(plan.threads, "thread"),
        pace(plan),
        if plan.contended {
            "another process keeps taking the write lock (contended)"
        } else {
            "no other user of the database (idle)"
        },
    )
}

fn pace(plan: &AppendPlan) -> String {
    match plan.rate {
        None => "each as soon as the one before returned (closed loop)".to_owned(),
        Some(rate) => {
            format!("{} per second at fixed times (open loop)", words::plural(rate, "append"))
        }
    }
}

/// What was run, and how much of it.
pub(super) fn run(record: &Record, plan: &AppendPlan) -> String {
    let unmeasured = plan.appends - plan.measured().min(plan.appends);
    let warmup = if unmeasured == 0 {
        String::new()
    } else {
        format!(", the first {} unmeasured", units::count(unmeasured))
    };
    format!(
        "{} on {}: {} per arm, each a fresh process that makes {}{warmup}",
        record.scenario,
        record.dataset.recipe,
        words::plural(record.plan.samples, "sample"),
        words::plural(plan.appends, "append"),
    )
}

/// The condition in few words, for a sentence: `8 threads, buffered, closed loop, idle`.
pub(crate) fn short(plan: &AppendPlan) -> String {
    let pace = match plan.rate {
        None => "closed loop".to_owned(),
        Some(rate) => format!("open loop at {} per second", words::plural(rate, "append")),
    };
    let database = if plan.contended { "write lock contended" } else { "database idle" };
    format!("{}, {}, {pace}, {database}", words::plural(plan.threads, "thread"), plan.durability)
}

/// What was run, and the condition, each in a line.
pub(crate) fn both(record: &Record, plan: &AppendPlan) -> [String; 2] {
    [run(record, plan), condition(plan)]
}
