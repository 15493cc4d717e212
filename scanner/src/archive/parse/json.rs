//! JSON checked from its first byte to its last, without building values: what is asked for is
//! handed over, and the rest takes no memory, however large it is.
//!
//! Every method gives `None` where the JSON is none. A member of another type than asked for counts
//! as absent, and so does a text with half of a surrogate pair.

/// Bytes of a text that are looked at, at most.
pub(super) const LONGEST: usize = 4 << 10;

/// Bytes that come in pieces.
pub(crate) trait Pieces {
    /// What is there of the next piece and was not passed; nothing at the end.
    fn piece(&mut self) -> &[u8];

    /// Passes so many bytes of that piece.
    fn pass(&mut self, bytes: usize);
}

impl Pieces for &[u8] {
    #[inline]
    fn piece(&mut self) -> &[u8] {
        self
    }

    #[inline]
    fn pass(&mut self, bytes: usize) {
        *self = self.get(bytes..).unwrap_or_default();
    }
}

/// A text, or its beginning: UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_cut: bool,
}

impl<'a> Text<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        if bytes.len() <= LONGEST {
            return Self { bytes, is_cut: false };
        }
        // No character is cut.
        let end = (0..=LONGEST)
            .rev()
            .find(|end| !(0x80..0xc0).contains(&bytes[*end]))
            .unwrap_or_default();
        Self { bytes: &bytes[..end], is_cut: true }
    }
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Is(u64),
    /// It is negative, fractional, or too large.
    Other,
}

/// JSON that is being read.
pub(super) struct Json<'a, P> {
    pieces: P,
    spelled: &'a mut Spelled,
}

impl<'a, P: Pieces> Json<'a, P> {
    /// Reads from `pieces`. Texts that do not stand there as they are, are put together in
    /// `spelled`.
    pub(super) fn new(pieces: P, spelled: &'a mut Spelled) -> Self {
        Self { pieces, spelled }
    }

    /// Reads an object: `take` reads the value of each member whose name `known` knows. `false` for
    /// anything else, which is skipped.
    pub(super) fn object<K>(
        &mut self,
        known: impl Fn(&[u8]) -> Option<K>,
        mut take: impl FnMut(&mut Self, K) -> Option<()>,
    ) -> Option<bool> {
        if self.sign()? != b'{' {
            return self.skip().map(|()| false);
        }
        self.pieces.pass(1);
        if self.sign()? == b'}' {
            self.pieces.pass(1);
            return Some(true);
        }
        loop {
            self.take(b'"')?;
            let name = self.string(|name| known(name.bytes))?;
            self.take(b':')?;
            match name.flatten() {
                Some(name) => take(self, name)?,
                None => self.skip()?,
            }
            let sign = self.sign()?;
            self.pieces.pass(1);
            match sign {
                b',' => {}
                b'}' => return Some(true),
                _ => return None,
            }
        }
    }

    /// Reads a text.
    pub(super) fn text<T>(&mut self, of: impl FnOnce(Text<'_>) -> T) -> Option<Option<T>> {
        if self.sign()? != b'"' {
            return self.skip().map(|()| None);
        }
        self.pieces.pass(1);
        self.string(of)
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Option<Option<Number>> {
        match self.sign()? {
            b'-' | b'0'..=b'9' => self.digits().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Reads a text or an object, whatever it holds. `false` for anything else.
    pub(super) fn is_there(&mut self) -> Option<bool> {
        let is_there = matches!(self.sign()?, b'"' | b'{');
        self.skip().map(|()| is_there)
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) -> Option<()> {
        self.sign().is_none().then_some(())
    }

    /// Reads any value, level by level.
    fn skip(&mut self) -> Option<()> {
        let mut open = Open::default();
        loop {
            match self.sign()? {
                b'"' => {
                    self.pieces.pass(1);
                    self.skip_string()?;
                }
                b'{' => {
                    self.pieces.pass(1);
                    if self.sign()? != b'}' {
                        self.skip_name()?;
                        open.push(true);
                        continue;
                    }
                    self.pieces.pass(1);
                }
                b'[' => {
                    self.pieces.pass(1);
                    if self.sign()? != b']' {
                        open.push(false);
                        continue;
                    }
                    self.pieces.pass(1);
                }
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.digits().map(drop)?,
            }
            while let Some(is_object) = open.innermost() {
                let sign = self.sign()?;
                self.pieces.pass(1);
                match (sign, is_object) {
                    (b',', true) => {
                        self.skip_name()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => open.pop(),
                    _ => return None,
                }
            }
            if open.innermost().is_none() {
                return Some(());
            }
        }
    }

    fn skip_name(&mut self) -> Option<()> {
        self.take(b'"')?;
        self.skip_string()?;
        self.take(b':')
    }

    /// Reads what follows a quotation mark up to the next one. A text with half of a surrogate pair
    /// is none.
    #[inline]
    fn string<T>(&mut self, of: impl FnOnce(Text<'_>) -> T) -> Option<Option<T>> {
        let piece = self.pieces.piece();
        let (length, is_ascii) = run(piece);
        if piece.get(length) == Some(&b'"') {
            let bytes = &piece[..length];
            if !is_ascii {
                str::from_utf8(bytes).ok()?;
            }
            let read = of(Text::of(bytes));
            self.pieces.pass(length + 1);
            return Some(Some(read));
        }
        self.spell()?;
        Some(self.spelled.text().map(of))
    }

    #[inline]
    fn skip_string(&mut self) -> Option<()> {
        let piece = self.pieces.piece();
        let (length, is_ascii) = run(piece);
        if piece.get(length) == Some(&b'"') {
            let is_text = is_ascii || str::from_utf8(&piece[..length]).is_ok();
            self.pieces.pass(length + 1);
            return is_text.then_some(());
        }
        self.spell()
    }

    /// Reads the rest of a text that has escapes or comes in several pieces.
    #[cold]
    fn spell(&mut self) -> Option<()> {
        let Self { pieces, spelled } = self;
        spelled.clear();
        loop {
            let piece = pieces.piece();
            let (length, _) = run(piece);
            let next = piece.get(length).copied();
            if piece.is_empty() {
                return None;
            }
            spelled.bytes(&piece[..length], next.is_some())?;
            pieces.pass(length + usize::from(next.is_some()));
            match next {
                None => {}
                Some(b'"') => return Some(()),
                Some(b'\\') => spelled.escape(|| {
                    let byte = pieces.piece().first().copied();
                    pieces.pass(1);
                    byte
                })?,
                Some(_) => return None,
            }
        }
    }

    /// Reads a number.
    fn digits(&mut self) -> Option<Number> {
        let mut number = Some(0_u64);
        if self.peek()? == b'-' {
            self.pieces.pass(1);
            number = None;
        }
        // A zero is all of a number's whole part.
        let is_zero = self.peek()? == b'0';
        let count = self.more_digits(&mut number);
        if count == 0 || is_zero && count > 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.pieces.pass(1);
            number = None;
            if self.more_digits(&mut number) == 0 {
                return None;
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.pieces.pass(1);
            if let Some(b'+' | b'-') = self.peek() {
                self.pieces.pass(1);
            }
            number = None;
            if self.more_digits(&mut number) == 0 {
                return None;
            }
        }
        Some(number.map_or(Number::Other, Number::Is))
    }

    /// Reads the digits that stand here, as the end of `number`. Gives how many.
    #[inline]
    fn more_digits(&mut self, number: &mut Option<u64>) -> usize {
        let mut count = 0;
        loop {
            let piece = self.pieces.piece();
            let length = piece.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let digits = piece[..length].iter().map(|digit| u64::from(digit - b'0'));
            *number = match *number {
                // So many fit.
                Some(0) if length < 20 => Some(digits.fold(0, |number, digit| 10 * number + digit)),
                start => {
                    digits.fold(start, |number, digit| number?.checked_mul(10)?.checked_add(digit))
                }
            };
            let is_end = length == 0 || length < piece.len();
            self.pieces.pass(length);
            count += length;
            if is_end {
                return count;
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        word.iter().try_for_each(|byte| {
            let is_it = self.peek()? == *byte;
            self.pieces.pass(1);
            is_it.then_some(())
        })
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        self.pieces.piece().first().copied()
    }

    /// The next byte that is no white space.
    #[inline]
    fn sign(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.pieces.pass(1);
        }
    }

    /// Takes `sign`, and white space before it.
    #[inline]
    fn take(&mut self, sign: u8) -> Option<()> {
        let is_it = self.sign()? == sign;
        self.pieces.pass(1);
        is_it.then_some(())
    }
}

/// How many bytes stand before one that ends or interrupts a text, and whether all of them are
/// ASCII.
#[inline]
fn run(piece: &[u8]) -> (usize, bool) {
    plain::<false>(piece)
}

/// The same; a DEL interrupts the text, too, if `DEL` says so.
#[inline]
pub(super) fn plain<const DEL: bool>(piece: &[u8]) -> (usize, bool) {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = 0x80 * EACH;
    let (words, rest) = piece.as_chunks::<8>();
    let mut high = 0;
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest bit that this sets is right; what an earlier byte lends to a later one is not.
        let less = |word: u64, than: u64| word.wrapping_sub(than * EACH) & !word & HIGH;
        let is = |byte: u8| less(word ^ (u64::from(byte) * EACH), 1);
        let ends = is(b'"') | is(b'\\') | less(word, 0x20) | if DEL { is(0x7f) } else { 0 };
        if ends != 0 {
            let before = ends.trailing_zeros() / 8;
            high |= word & ((1 << (8 * before)) - 1);
            return (8 * at + before as usize, high & HIGH == 0);
        }
        high |= word;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20) || DEL && *byte == 0x7f;
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    (8 * words.len() + length, high & HIGH == 0 && rest[..length].is_ascii())
}

/// The objects and arrays that a value is in, a bit for each: there may be millions.
#[derive(Default)]
struct Open {
    /// The innermost ones, the last of them lowest.
    last: u64,
    others: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.others.push(self.last);
        }
        self.last = self.last << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.last >>= 1;
        if self.depth.is_multiple_of(64) {
            self.last = self.others.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost one is an object; `None` if there is none.
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.last & 1 == 1)
    }
}

/// A text put together from what is written of it.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    /// Its beginning.
    text: String,
    /// The beginning of a character that has not come to its end.
    begun: Vec<u8>,
    /// The first half of a pair of surrogates, whose second has not come yet.
    half: Option<u32>,
    /// Whether it has half of a pair.
    is_lone: bool,
}

impl Spelled {
    fn clear(&mut self) {
        self.text.clear();
        self.begun.clear();
        (self.half, self.is_lone) = (None, false);
    }

    /// The text, which has come to its end.
    fn text(&self) -> Option<Text<'_>> {
        (!self.is_lone && self.half.is_none()).then(|| Text::of(self.text.as_bytes()))
    }

    /// Takes bytes as they are written. `ends` says that something else follows, and no more of a
    /// character.
    fn bytes(&mut self, bytes: &[u8], ends: bool) -> Option<()> {
        if self.begun.is_empty() {
            match str::from_utf8(bytes) {
                Ok(text) => {
                    self.push(text);
                    return Some(());
                }
                Err(error) if error.error_len().is_some() => return None,
                Err(_) => {}
            }
        }
        let mut joined = std::mem::take(&mut self.begun);
        joined.extend_from_slice(bytes);
        let whole = match str::from_utf8(&joined) {
            Ok(_) => joined.len(),
            Err(error) if error.error_len().is_none() && !ends => error.valid_up_to(),
            Err(_) => return None,
        };
        self.begun = joined.split_off(whole);
        self.push(str::from_utf8(&joined).ok()?);
        Some(())
    }

    fn push(&mut self, text: &str) {
        self.is_lone |= !text.is_empty() && self.half.take().is_some();
        // So much that it can be told whether it is too long.
        let room = (LONGEST + 1).saturating_sub(self.text.len());
        let end = (room..text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        self.text.push_str(&text[..end]);
    }

    /// Takes what follows a backslash.
    fn escape(&mut self, mut next: impl FnMut() -> Option<u8>) -> Option<()> {
        let char = match next()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digit =
                    |unit: u32, byte: Option<u8>| Some(unit << 4 | char::from(byte?).to_digit(16)?);
                match (0..4).try_fold(0, |unit, _| digit(unit, next()))? {
                    first @ 0xd800..0xdc00 => {
                        self.is_lone |= self.half.replace(first).is_some();
                        return Some(());
                    }
                    second @ 0xdc00..0xe000 => match self.half.take() {
                        Some(first) => {
                            char::from_u32(0x10000 + ((first & 0x3ff) << 10 | second & 0x3ff))?
                        }
                        None => {
                            self.is_lone = true;
                            return Some(());
                        }
                    },
                    unit => char::from_u32(unit)?,
                }
            }
            _ => return None,
        };
        self.push(char.encode_utf8(&mut [0; 4]));
        Some(())
    }
}

#[cfg(test)]
#[path = "../json_tests.rs"]
pub(super) mod tests;
