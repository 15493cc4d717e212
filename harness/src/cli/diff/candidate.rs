//! A candidate in the place of our scanner, as `--candidate` names it.

use std::sync::Arc;
use std::time::Duration;

use tracerig_differential::foreign::Candidate;
use tracerig_protocol::Contract;

use crate::candidate::{Counts, Definition, NotOpened, opened_counting};
use crate::cli::output;
use crate::cli::{Code, Usage};

/// A launch is ended after this time.
const LIMIT: Duration = Duration::from_secs(10);

/// Opens the candidate that `named` names and has `run` search with it. Reports one that does not
/// exist or is faulty.
pub(super) fn candidate(
    named: &str,
    contract: Contract,
    run: impl FnOnce(Candidate) -> anyhow::Result<Code>,
) -> anyhow::Result<Code> {
    let definition = Definition::named(named).map_err(|error| Usage(error.to_string()))?;
    let counts = Arc::<Counts>::default();
    match opened_counting(&definition, LIMIT, named, Arc::clone(&counts))? {
        Ok(candidate) if candidate.offers(contract) => {
            let code = run(candidate)?;
            if code == Code::MISMATCH && counts.answered() == 0 {
                let name = &definition.name;
                output::say(&format!(
                    "tracerig: {name}: not-running: it answered none of its requests"
                ));
            }
            Ok(code)
        }
        Ok(candidate) => {
            let told = format!("{} does not offer the contract `{contract}`", candidate.version);
            Err(Usage(told).into())
        }
        Err(NotOpened::Unavailable(why)) => {
            output::say(&format!("tracerig: unavailable: {}: {why}", definition.name));
            Ok(Code::INCONCLUSIVE)
        }
        Err(NotOpened::Faulty(finding)) => {
            output::say(&format!(
                "tracerig: {}: {}: {}",
                definition.name, finding.fault, finding.detail
            ));
            Ok(Code::MISMATCH)
        }
    }
}
