//! Which parser wrote a memo.

/// Identifies the source of a parser.
pub(crate) type Fingerprint = [u8; 16];

/// The parser of this version: the first half of a SHA-256 over the files of `parse/`, tests left
/// out.
///
/// A test fails when those files change and this does not; it prints the new value. Nothing else is
/// covered, so that a change elsewhere keeps every memo.
pub(crate) const FINGERPRINT: Fingerprint =
    [16, 40, 125, 45, 5, 16, 168, 32, 39, 139, 26, 94, 96, 221, 89, 135];

/// Parsers of earlier versions that find exactly the same facts, so that their memos stay valid.
///
/// When a change to `parse/` alters no fact (a comment, a name, speed), the old fingerprint belongs
/// here.
pub(crate) const COMPATIBLE: &[Fingerprint] =
    &[[16, 80, 4, 30, 59, 74, 48, 197, 216, 100, 203, 119, 53, 115, 130, 150]];

/// Whether a memo by `writer` holds what this parser would find.
pub(crate) fn is_trusted(writer: &Fingerprint) -> bool {
    *writer == FINGERPRINT || COMPATIBLE.contains(writer)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_fingerprint_follows_the_source_of_the_parser() {
        let sources = [
            ("mod.rs", include_str!("parse/mod.rs")),
            ("dump.rs", include_str!("parse/dump.rs")),
            ("fields.rs", include_str!("parse/fields.rs")),
            ("json.rs", include_str!("parse/json.rs")),
            ("markers.rs", include_str!("parse/markers.rs")),
            ("turn_row.rs", include_str!("parse/turn_row.rs")),
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(
            files,
            sources.len() + 1,
            "a file of parse/ is not covered (tests.rs alone is left out)"
        );

        let mut hasher = Sha256::new();
        for (name, source) in sources {
            let code = source.split("#[cfg(test)]").next().unwrap();
            hasher.update(name);
            hasher.update(code.replace("\r\n", "\n"));
        }
        let digest = &hasher.finalize()[..16];
        assert_eq!(
            digest, FINGERPRINT,
            "the parser changed. Set FINGERPRINT to {digest:?}; if the change alters no fact that \
             a row gives, add the old value to COMPATIBLE, else memos of earlier versions are \
             scanned anew"
        );
    }
}
