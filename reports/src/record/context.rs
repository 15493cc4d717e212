//! What a run was on: the dataset, the build, the machine.

use std::collections::BTreeMap;

use base16ct::lower::encode_string;
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
    /// What is known to be in it, by construction: for instance `priority_turns`,
    /// `published_turns`, `completions`.
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
    /// What SQLite was compiled with, as `PRAGMA compile_options` tells, and how it was set up at
    /// the start; empty in records of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sqlite_options: Vec<String>,
}

/// The machine that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Models of the processors; `None` where the platform does not tell.
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
    /// Whether it is a virtual machine; `None` where the platform does not tell, and in records of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_virtual: Option<bool>,
    /// Whether the kernel refuses what a candidate writes outside of its folders (Landlock); `None`
    /// in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confines_writes: Option<bool>,
    /// Short digest of what makes times comparable: wall times of records are compared only where
    /// it is the same.
    pub fingerprint: String,
}

impl Machine {
    /// The fingerprint of a new record: 16 hexadecimal digits that follow from processors,
    /// architecture, operating system, file system, and whether the machine is virtual. An update
    /// of the kernel or a reservation of memory makes no other machine. (In records of earlier
    /// versions it follows from kernel and memory, too.)
    #[must_use]
    pub fn computed_fingerprint(&self) -> String {
        let Machine { cpu, cores, os, arch, file_system, is_virtual, .. } = self;
        let fields = format!("{:?}", (cpu, cores, os, arch, file_system, is_virtual));
        encode_string(&Sha256::digest(fields)[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_follows_what_makes_times_comparable() {
        let machine = Machine {
            cpu: Some("c".into()),
            cores: 2,
            memory_bytes: Some(ByteSize(1)),
            kernel: "k".into(),
            os: "linux".into(),
            arch: "x86_64".into(),
            file_system: None,
            is_virtual: None,
            confines_writes: None,
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
        assert_eq!(of(|m| m.kernel = "l".into()), own);
        assert_eq!(of(|m| m.memory_bytes = None), own);
        let changes: [fn(&mut Machine); 6] = [
            |m| m.cpu = None,
            |m| m.cores = 3,
            |m| m.os = "macos".into(),
            |m| m.arch = "aarch64".into(),
            |m| m.file_system = Some("ext4".into()),
            |m| m.is_virtual = Some(true),
        ];
        let mut all: std::collections::BTreeSet<String> = changes.into_iter().map(of).collect();
        all.insert(own);
        assert_eq!(all.len(), 7);
    }
}
