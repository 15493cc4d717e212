//! Damage to a file that is sound, written down in few bytes: much of it stays sound, so that a
//! reader gets far.

/// The file with the changes that `script` asks for. Each takes five bytes: what to do, where
/// (three bytes), and with what.
pub(super) fn patched(sound: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for change in script.chunks_exact(5) {
        let &[what, high, middle, low, with] = change else { continue };
        let place = u32::from_be_bytes([0, high, middle, low]) as usize;
        let at = place % (bytes.len() + 1);
        let count = usize::from(with) + 1;
        match what % 8 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + count).min(bytes.len()))),
            2 => bytes.insert(at, with),
            3 => {
                // A piece of the file in another place of it.
                let from = (at.wrapping_mul(31) + count) % (bytes.len() + 1);
                let piece = bytes[from..(from + count).min(bytes.len())].to_vec();
                let end = (at + piece.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (with % 8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = with;
                }
            }
        }
    }
    bytes
}
