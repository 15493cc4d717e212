//! What a run stood on: the dataset, the build, the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ByteSize;

/// The data a run worked on, named closely enough to build the same bytes again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Name of the recipe.
    pub recipe: String,
    /// The whole text of the recipe.
    pub recipe_text: String,
    /// Seed of the generator.
    pub seed: u64,
    /// Factor on the number of rows.
    pub scale: f64,
    /// Version of the generator.
    pub generator_version: u64,
    /// Digest over the logical rows, with its algorithm: `sha256:...`.
    pub rows_digest: String,
    /// Digest of the file, likewise.
    pub file_digest: String,
    /// Size of the file.
    pub file_bytes: ByteSize,
    /// Rows in the `logs` table.
    pub rows: u64,
    /// Highest id in it.
    pub max_id: i64,
    /// Pages of its b-tree, overflow pages included: what a scan of every row cannot help reading.
    pub logs_pages: u64,
    /// Size of a page.
    #[serde(rename = "page_bytes")]
    pub page_size: ByteSize,
    /// What is known to be in it, by construction: for instance `priority_turns`, `published_turns`, `completions`.
    pub truth: BTreeMap<String, u64>,
}

impl Dataset {
    /// Size of the pages of the `logs` table: what a scan of every row cannot help reading.
    #[must_use]
    pub fn logs_bytes(&self) -> ByteSize {
        ByteSize(self.logs_pages.saturating_mul(self.page_size.bytes()))
    }
}

/// The build that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Version of tracerig.
    pub version: String,
    /// Revision of its source; `None` when built outside version control.
    pub revision: Option<String>,
    /// Whether the source differed from that revision; `None` when unknown.
    pub dirty: Option<bool>,
    /// Cargo profile, for instance `release`.
    pub profile: String,
    /// Version line of the compiler.
    pub rustc: String,
    /// Version of SQLite.
    pub sqlite: String,
}

/// The machine that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Model of the processor; `None` where the platform does not tell.
    pub cpu: Option<String>,
    /// Cores the process may use.
    pub cores: u64,
    /// Memory of the machine; `None` where the platform does not tell.
    pub memory_bytes: Option<ByteSize>,
    /// Release of the kernel.
    pub kernel: String,
    /// Operating system, for instance `linux`.
    pub os: String,
    /// Processor architecture, for instance `x86_64`.
    pub arch: String,
    /// File system under the dataset; `None` where the platform does not tell.
    pub file_system: Option<String>,
    /// Short digest of the above: wall times of records are comparable only where it is the same.
    pub fingerprint: String,
}

impl Machine {
    /// The fingerprint that belongs to the other fields: 16 hexadecimal digits.
    #[must_use]
    pub fn computed_fingerprint(&self) -> String {
        let Machine { cpu, cores, memory_bytes, kernel, os, arch, file_system, fingerprint: _ } = self;
        let fields =
            format!("{:?}", (cpu, cores, memory_bytes.map(ByteSize::bytes), kernel, os, arch, file_system));
        hex(&Sha256::digest(fields)[..8])
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_follows_every_field_but_itself() {
        let machine = Machine {
            cpu: Some("c".into()),
            cores: 2,
            memory_bytes: Some(ByteSize(1)),
            kernel: "k".into(),
            os: "linux".into(),
            arch: "x86_64".into(),
            file_system: None,
            fingerprint: String::new(),
        };
        let of = |change: fn(&mut Machine)| {
            let mut changed = machine.clone();
            change(&mut changed);
            changed.computed_fingerprint()
        };
        let own = machine.computed_fingerprint();
        assert_eq!(own.len(), 16);
        assert_eq!(of(|m| m.fingerprint = "x".into()), own);
        let changes: [fn(&mut Machine); 7] = [
            |m| m.cpu = None,
            |m| m.cores = 3,
            |m| m.memory_bytes = None,
            |m| m.kernel = "l".into(),
            |m| m.os = "macos".into(),
            |m| m.arch = "aarch64".into(),
            |m| m.file_system = Some("ext4".into()),
        ];
        let mut all: std::collections::BTreeSet<String> = changes.into_iter().map(of).collect();
        all.insert(own);
        assert_eq!(all.len(), 8);
    }
}
