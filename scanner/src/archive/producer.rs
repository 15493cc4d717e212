//! Which parser wrote a memo of an archive.

/// The parser of this version: the first half of a SHA-256 over the files of `parse/`.
///
/// A test fails when those files change and this does not; it prints the new value. The memo of the
/// trace scan has a fingerprint of its own.
pub(super) const FINGERPRINT: [u8; 16] =
    [149, 75, 182, 161, 142, 19, 233, 189, 18, 87, 19, 130, 150, 30, 140, 121];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_fingerprint_follows_the_source_of_the_parser() {
        let sources = [
            ("mod.rs", include_str!("parse/mod.rs")),
            ("fold.rs", include_str!("parse/fold.rs")),
            ("json.rs", include_str!("parse/json.rs")),
            ("kind.rs", include_str!("parse/kind.rs")),
            ("line.rs", include_str!("parse/line.rs")),
            ("lineage.rs", include_str!("parse/lineage.rs")),
            ("members.rs", include_str!("parse/members.rs")),
            ("rules.rs", include_str!("parse/rules.rs")),
            ("seen.rs", include_str!("parse/seen.rs")),
            ("time.rs", include_str!("parse/time.rs")),
            ("tokens.rs", include_str!("parse/tokens.rs")),
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/archive/parse");
        assert_eq!(
            std::fs::read_dir(folder).unwrap().count(),
            sources.len(),
            "a file of parse/ is not covered"
        );
        let mut hasher = Sha256::new();
        for (name, source) in sources {
            let code = source.split("#[cfg(test)]").next().unwrap();
            hasher.update(name);
            hasher.update(code.replace("\r\n", "\n"));
        }
        let digest = &hasher.finalize()[..16];
        assert_eq!(digest, FINGERPRINT, "the parser changed. Set FINGERPRINT to {digest:?}");
    }
}
