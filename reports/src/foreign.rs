//! Text that others wrote, made fit to be shown: it cannot steer a terminal, break a line or be
//! longer than there is room for.
//!
//! Ids, names, paths and messages come from databases, sessions and records that anybody may have
//! made. Whatever is shown of them to people goes through here, for each medium through one
//! function: [`plain`], [`one_line`] and [`message`] for terminals, [`xml`] for pages, pictures and
//! JUnit, [`json`] for JSON that is printed. Markdown has its own beside the tables.

use std::fmt::Write as _;

/// What represents the part of a text that is left out.
const GONE: &str = "..";

/// The longest run without a space in a message. Paths of this length are rare, and a message with
/// a longer one cannot be read.
pub(crate) const LONGEST_WORD: usize = 1_024;

/// `text` with everything visible: control characters and marks that reorder the text around them
/// are written as escapes. Line breaks stay.
#[must_use]
pub fn plain(text: &str) -> String {
    escaped(text, |character| character == '\n')
}

/// `text` on one line of at most `most` columns: as [`plain`] shows it, line breaks as escapes too.
/// Of a longer one the middle is left out.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    // No more than what can be shown need be looked at: a name may have a hundred megabytes.
    if text.len() > most.saturating_mul(16) {
        let first: String = text.chars().take(most).collect();
        let mut last: Vec<char> = text.chars().rev().take(most).collect();
        last.reverse();
        let last: String = last.into_iter().collect();
        // An escape takes a column at least, so neither half fits as a whole: the border falls to
        // what is left out.
        return shortened(&(escaped(&first, |_| false) + GONE + &escaped(&last, |_| false)), most);
    }
    shortened(&escaped(text, |_| false), most)
}

/// A message for people: as [`plain`] shows it, with very long words shortened.
#[must_use]
pub fn message(text: &str) -> String {
    let text = plain(text);
    if text.split_whitespace().all(|word| word.len() <= LONGEST_WORD) {
        return text;
    }
    let bounded = |word: &str| {
        let inner = word.trim_end();
        shortened(inner, LONGEST_WORD) + &word[inner.len()..]
    };
    text.split_inclusive(char::is_whitespace).map(bounded).collect()
}

/// `text` in at most `width` columns: of a longer one the middle is left out, since names differ in
/// their beginnings and in their ends.
#[must_use]
pub fn shortened(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(GONE.len());
    let fitting = |characters: &mut dyn Iterator<Item = char>, mut room: usize| -> Vec<char> {
        let fits = |character: &char| {
            let wide = column(*character);
            let is_room = wide <= room;
            room = room.saturating_sub(wide);
            is_room
        };
        characters.take_while(fits).collect()
    };
    let first = fitting(&mut text.chars(), kept.div_ceil(2));
    let last = fitting(&mut text.chars().rev(), kept / 2);
    first.into_iter().chain(GONE.chars()).chain(last.into_iter().rev()).collect()
}

/// Columns that `text` takes. A character that may be wide is taken as wide: a line too short looks
/// better than one too long.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// `text` with spaces up to `width` columns.
pub(crate) fn padded(text: &str, width: usize, to_the_right: bool) -> String {
    let spaces = " ".repeat(width.saturating_sub(columns(text)));
    if to_the_right { spaces + text } else { text.to_owned() + &spaces }
}

/// `text` for an attribute or between the tags of XML, HTML or SVG. Line breaks stay; what steers
/// and what XML cannot hold is replaced.
#[must_use]
pub fn xml(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\t' => escaped.push(' '),
            // The last two code points of a plane are no characters.
            c if steers(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
        escaped
    })
}

/// A JSON text with the same values and without a character that steers: outside its strings only
/// the line break may appear, and inside each has an escape.
#[must_use]
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether a character moves the cursor, ends the line, reorders the text around it, or is not seen
/// at all. The two that join and separate letters stay: Persian and emoji need them.
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(character, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn column(character: char) -> usize {
    // Drawn symbols such as the ellipsis and block elements are narrow; from here on most are wide
    // in some terminal.
    let is_narrow = character < '\u{1100}' || ('\u{2000}'..'\u{2e80}').contains(&character);
    if is_narrow { 1 } else { 2 }
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) && !stays(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(
            plain("a\u{1b}[31mb\tc\u{202e}d\u{9b}\nö"),
            "a\\u{1b}[31mb\\tc\\u{202e}d\\u{9b}\nö"
        );
        assert_eq!(one_line("a\nb\r\u{2028}", 40), "a\\nb\\r\\u{2028}");
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        assert_eq!(
            xml("a<b>&\"\u{0}\u{1b}\r\u{feff}\u{ffff}\n\t"),
            "a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\n "
        );
    }

    #[test]
    fn json_says_the_same_without_what_steers() {
        let text = "a\u{1b}\u{9b}\u{202e}\u{e0041}\r\n\u{2028}\u{e9}";
        let written = serde_json::to_string_pretty(&[text]).unwrap();
        let shown = json(&written);
        assert!(!shown.contains(|c| steers(c) && c != '\n'), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(
            ["", "abc", "abcdefgh", "abcdefghi"].map(|text| shortened(text, 8)),
            ["", "abc", "abcdefgh", "abc..ghi"]
        );
        assert_eq!(shortened("\u{e4}\u{f6}\u{fc}xyz", 5), "\u{e4}\u{f6}..z");
        // Each of these takes two columns.
        assert_eq!(shortened("\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}", 8), "\u{65e5}..\u{672c}");
    }

    #[test]
    fn whatever_the_length_there_is_room_for_it() {
        for character in ["x", "\u{65e5}", "\u{1b}", "\n", "\u{1f600}"] {
            for length in [0, 1, 39, 40, 41, 700, 65_536] {
                let shown = one_line(&character.repeat(length), 40);
                assert!(
                    columns(&shown) <= 40 && !shown.contains(steers),
                    "{length} of {character:?}: {shown}"
                );
            }
        }
        let long = "y".repeat(65_536);
        let said = message(&format!("{long}: no\n{long}"));
        assert!(said.len() < 3_000 && said.contains(": no\n") || said.contains(" no\n"), "{said}");
        assert_eq!(message("/a/path: is gone\n  b"), "/a/path: is gone\n  b");
    }

    #[test]
    fn cells_are_filled_by_columns() {
        assert_eq!(padded("\u{65e5}", 4, false), "\u{65e5}  ");
        assert_eq!(padded("ab", 4, true), "  ab");
        assert_eq!(padded("abcdef", 4, true), "abcdef");
    }
}
