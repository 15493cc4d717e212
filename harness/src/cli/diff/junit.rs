//! The result of a search as JUnit XML, as CI systems read it: a test case for each way to go wrong
//! and each kept file.

use std::fmt::Write as _;

use tracerig_differential::search::{Found, Origin, Report};
use tracerig_reports::foreign::xml;

/// `reports` as JUnit XML.
///
/// A random search is one suite with a test case for each kind of failure, so that a CI system sees
/// the same names in every run; the kept cases are another, with one for each file. What was not
/// executed is not in it.
pub(super) fn junit(reports: &[&Report]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tracerig\">\n",
    );
    for report in reports {
        suites(&mut text, report);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suites(text: &mut String, report: &Report) {
    let title = format!(
        "diff {}, seed {}, shard {}, {} operations",
        report.subject, report.seed, report.shard, report.ops
    );
    let random = report.kinds.iter().map(|&kind| {
        let found =
            |found: &&Found| found.kind == kind && matches!(found.origin, Origin::Random { .. });
        (kind.to_owned(), report.found.iter().find(found))
    });
    let random: Vec<_> = random.collect();
    let kept = report.kept.iter().map(|path| {
        let found = |found: &&Found| found.origin == Origin::Kept(path.clone());
        (path.display().to_string(), report.found.iter().find(found))
    });
    let kept: Vec<_> = kept.collect();
    if report.random > 0 {
        suite(text, &format!("{title}: random cases"), &random, report.seconds);
    }
    if !kept.is_empty() {
        suite(text, &format!("{title}: kept cases"), &kept, 0.0);
    }
}

fn suite(text: &mut String, name: &str, cases: &[(String, Option<&Found>)], seconds: f64) {
    let failures = cases.iter().filter(|(_, found)| found.is_some()).count();
    let name = xml(name);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" \
         time=\"{seconds:.3}\">",
        cases.len()
    );
    for (case, found) in cases {
        let case = xml(case);
        let _ = match found {
            None => writeln!(text, "    <testcase classname=\"{name}\" name=\"{case}\"/>"),
            Some(found) => writeln!(
                text,
                "    <testcase classname=\"{name}\" name=\"{case}\">\n      <failure type=\"{}\" \
                 message=\"{}\">{}</failure>\n    </testcase>",
                found.kind,
                xml(&found.detail),
                xml(&format!(
                    "{}\n{}\n\nReplay it with: {}",
                    found.origin, found.history, found.replay
                ))
            ),
        };
    }
    text.push_str("  </testsuite>\n");
}
