//! What tells one row from another that took its id: times, target, length and the beginning of the
//! body.

use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ablation::{Ablation, Ablations};

/// How many bytes of a body the digest covers. They lie on the row's own page, so a look-up reads
/// no overflow page.
pub(crate) const PREFIX_BYTES: usize = 256;

/// The identity of a row beside its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signature {
    /// The `ts` column, Unix seconds.
    pub(crate) ts: i64,
    /// The `ts_nanos` column.
    pub(crate) ts_nanos: i64,
    /// Length of the body in bytes; 0 for NULL.
    body_bytes: u64,
    /// The first half of a SHA-256 over type and bytes of the target, type of the body and its
    /// first [`PREFIX_BYTES`] bytes.
    digest: [u8; 16],
}

impl Signature {
    /// The signature of no row in particular, but for its second.
    #[cfg(test)]
    pub(crate) fn at(ts: i64) -> Self {
        Self { ts, ..Self::default() }
    }

    /// Whether both are of one row, as far as the parts that are not `ablated` tell.
    pub(crate) fn is_like(&self, other: &Self, ablated: Ablations) -> bool {
        let is = |same: bool, part| same || ablated.has(part);
        is((self.ts, self.ts_nanos) == (other.ts, other.ts_nanos), Ablation::SignatureTime)
            && is(self.body_bytes == other.body_bytes, Ablation::SignatureLength)
            && is(self.digest == other.digest, Ablation::SignatureBody)
    }

    /// The signature of a row; `prefix` may be longer than needed.
    pub(crate) fn of(
        ts: i64,
        ts_nanos: i64,
        target: ValueRef<'_>,
        body_type: BodyType,
        body_bytes: u64,
        prefix: &[u8],
    ) -> Self {
        let mut hasher = Sha256::new();
        // Type and length first, so that no two rows can share the bytes that are hashed.
        let (target_type, target) = match target {
            ValueRef::Null => (b'n', &[][..]),
            ValueRef::Text(text) => (b't', text),
            ValueRef::Blob(bytes) => (b'b', bytes),
            ValueRef::Integer(_) | ValueRef::Real(_) => (b'#', &[][..]),
        };
        hasher.update([target_type, body_type as u8]);
        hasher.update((target.len() as u64).to_le_bytes());
        hasher.update(target);
        hasher.update(&prefix[..prefix.len().min(PREFIX_BYTES)]);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize()[..16]);
        Self { ts, ts_nanos, body_bytes, digest }
    }
}

/// The storage class of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum BodyType {
    /// NULL.
    Null = b'n',
    /// TEXT, the only class that is searched.
    Text = b't',
    /// BLOB.
    Blob = b'b',
    /// A number, which a TEXT column stores only if its affinity was changed.
    Number = b'#',
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(target: &str, body: &[u8]) -> Signature {
        Signature::of(
            1,
            2,
            ValueRef::Text(target.as_bytes()),
            BodyType::Text,
            body.len() as u64,
            body,
        )
    }

    #[test]
    fn every_part_tells_rows_apart() {
        let base = signature("target", b"body");
        assert_eq!(base, signature("target", b"body"));
        assert_ne!(base, signature("targe", b"tbody"));
        assert_ne!(base, signature("target", b"bodz"));
        let target = ValueRef::Text(b"target");
        for other in [
            Signature::of(0, 2, target, BodyType::Text, 4, b"body"),
            Signature::of(1, 0, target, BodyType::Text, 4, b"body"),
            Signature::of(1, 2, target, BodyType::Blob, 4, b"body"),
            Signature::of(1, 2, target, BodyType::Text, 5, b"body"),
            Signature::of(1, 2, ValueRef::Null, BodyType::Text, 4, b"body"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn only_the_prefix_of_a_long_body_is_digested() {
        let long = [b'x'; PREFIX_BYTES + 50];
        let target = ValueRef::Text(b"t");
        let short =
            Signature::of(1, 2, target, BodyType::Text, long.len() as u64, &long[..PREFIX_BYTES]);
        assert_eq!(signature("t", &long), short);
    }
}
