//! What a candidate answers: one line of JSON with a result or an error.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::usage::{UsageAnswer, UsageDeclared};
use crate::{Ask, number};

/// A line that a candidate writes. Who reads it takes any value for the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply<R = Value> {
    /// The version of the protocol.
    pub tracerig: u64,
    /// The `id` of the request; null or empty where it could not be read.
    #[serde(deserialize_with = "null_is_empty")]
    pub id: String,
    /// What was asked for.
    #[serde(default = "nothing", skip_serializing_if = "Option::is_none")]
    pub result: Option<R>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refusal>,
    /// What the candidate says of its own work.
    #[serde(default, deserialize_with = "lenient")]
    pub claims: Claims,
}

/// Nobody relies on what is claimed, so a value of the wrong form is as none.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// The same for numbers by name, each by itself.
fn lenient_numbers<'de, D>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error>
where
    D: Deserializer<'de>,
{
    let all: BTreeMap<String, Value> = lenient(deserializer)?;
    let number = |(name, value)| Some((name, number::required::deserialize(value).ok()?));
    Ok(all.into_iter().filter_map(number).collect())
}

/// The same for one number.
fn lenient_number<'de, D>(deserializer: D) -> Result<Option<i64>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(number::optional::deserialize(Value::deserialize(deserializer)?).unwrap_or_default())
}

const fn nothing<R>() -> Option<R> {
    None
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What a candidate says of its own work. Nothing here is believed; it is shown apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Nanoseconds of each phase.
    #[serde(deserialize_with = "lenient_numbers")]
    pub phases_ns: BTreeMap<String, u64>,
    /// Work counters.
    #[serde(deserialize_with = "lenient_numbers")]
    pub counters: BTreeMap<String, u64>,
    /// Distributions of times in nanoseconds: each the compressed V2 encoding of HdrHistogram with
    /// three digits, in base64.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, String>,
    /// Why it took the mode that it took.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The highest row id that it saw.
    #[serde(
        serialize_with = "number::optional::serialize",
        deserialize_with = "lenient_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub cursor: Option<i64>,
    /// Whether it wrote its memo.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub persisted: Option<bool>,
    /// What went wrong without making the answer wrong.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The most memory that its process had at once.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the harness may conclude.
    pub kind: ErrorKind,
    /// For people: what happened, to which path, what to do.
    #[serde(default)]
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.name(), self.message)
    }
}

/// What the harness may conclude from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Definite: the candidate does not offer that. The memo is unchanged.
    Unsupported,
    /// Definite: the request makes no sense. The memo is unchanged.
    Malformed,
    /// Definite: somebody else has what is needed. The memo is unchanged.
    Busy,
    /// Indefinite: the memo is the old one or the new one.
    Failed,
    /// In reply to `hello`: the program that an adapter starts is not installed.
    Unavailable,
}

impl ErrorKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Malformed => "malformed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the memo must be byte-identical afterwards.
    #[must_use]
    pub const fn is_definite(self) -> bool {
        !matches!(self, Self::Failed)
    }
}

/// A question that a candidate can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// Which turns ran at the priority tier?
    Trace,
    /// How many tokens did this Codex home use?
    Usage,
    /// What does an append cost, and is anything lost?
    Threads,
}

impl Contract {
    /// Every contract.
    pub const ALL: [Self; 3] = [Self::Trace, Self::Usage, Self::Threads];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Usage => "usage",
            Self::Threads => "threads",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Something that a candidate can do beside answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// It keeps a memo from launch to launch.
    Memo,
    /// It answers line after line in one process.
    Serve,
    /// It ends at SIGTERM within a second and leaves a whole memo.
    Cancel,
    /// It can be stopped at named points.
    Points,
    /// Its work counters repeat to the digit.
    Counters,
    /// It can be made slower on request.
    Handicap,
    /// It appends from several threads of execution at once, and claims how long appends took.
    Load,
    /// One that this version does not know, and ignores.
    #[serde(other)]
    Unknown,
}

/// Who a candidate is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Its name.
    pub name: String,
    /// Its version; the name of a branch is refused.
    pub version: String,
    /// The contracts that it offers. Those that this version does not know are ignored.
    #[serde(deserialize_with = "known_contracts")]
    pub contracts: Vec<Contract>,
    /// What else it can do.
    pub capabilities: Vec<Capability>,
    /// Versions of the protocol that it speaks; absent: version 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<u64>,
    /// What its usage is split by and counts, if it offers that contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageDeclared>,
}

fn known_contracts<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Contract>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(Contract::ALL
        .into_iter()
        .filter(|known| names.iter().any(|name| name == known.name()))
        .collect())
}

impl Hello {
    /// Whether it can do this.
    #[must_use]
    pub fn can(&self, what: Capability) -> bool {
        self.capabilities.contains(&what)
    }

    /// Whether it offers this contract.
    #[must_use]
    pub fn offers(&self, contract: Contract) -> bool {
        self.contracts.contains(&contract)
    }
}

/// What is known of a turn that ran at the priority tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Its thread, if that is known.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// Its model, if that is known.
    #[serde(default)]
    pub model: Option<String>,
    /// Unix seconds of its evidence with the highest row id.
    #[serde(with = "number::required")]
    pub timestamp: i64,
}

/// The result of `scan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceAnswer {
    /// Turn id to what is known of it.
    pub turns: BTreeMap<String, Turn>,
    /// How it came about: `full`, `incremental` or `unchanged`. A claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// The result of `append` and of `load`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendAnswer {
    /// Appends whose lines are in their histories.
    pub appends: u64,
}

/// A result, as its request asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of `hello`.
    Hello(Hello),
    /// Of `idle`.
    Idle,
    /// Of `scan`.
    Trace(TraceAnswer),
    /// Of `usage`.
    Usage(UsageAnswer),
    /// Of `append` and of `load`.
    Append(AppendAnswer),
}

/// As the `result` of a reply.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Hello(hello) => hello.serialize(serializer),
            Self::Idle => serializer.serialize_map(Some(0))?.end(),
            Self::Trace(answer) => answer.serialize(serializer),
            Self::Usage(answer) => answer.serialize(serializer),
            Self::Append(answer) => answer.serialize(serializer),
        }
    }
}

impl Answer {
    /// Reads `result` as the answer to `ask`.
    pub(crate) fn read(ask: &Ask, result: Value) -> Result<Self, serde_json::Error> {
        Ok(match ask {
            Ask::Hello { .. } => Self::Hello(serde_json::from_value(result)?),
            Ask::Idle => Self::Idle,
            Ask::Scan(_) => Self::Trace(serde_json::from_value(result)?),
            Ask::Usage(_) => Self::Usage(serde_json::from_value(result)?),
            Ask::Append(_) | Ask::Load(_) => Self::Append(serde_json::from_value(result)?),
        })
    }
}
