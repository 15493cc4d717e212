//! JSON as it is checked, compared with another parser and against itself in pieces.

use serde::de::IgnoredAny;

use super::*;

/// Gives so many bytes at a time.
pub(in super::super) struct Slow<'a>(pub(in super::super) &'a [u8], pub(in super::super) usize);

impl Pieces for Slow<'_> {
    fn piece(&mut self) -> &[u8] {
        &self.0[..self.0.len().min(self.1)]
    }

    fn pass(&mut self, bytes: usize) {
        self.0.pass(bytes);
    }
}

fn skips(pieces: impl Pieces) -> bool {
    let mut spelled = Spelled::default();
    let mut json = Json::new(pieces, &mut spelled);
    json.skip().and_then(|()| json.end()).is_some()
}

/// Whether it is JSON, however it comes.
fn is_json(bytes: &[u8]) -> bool {
    let is_one = skips(bytes);
    for size in [1, 2, 3, 7] {
        assert_eq!(skips(Slow(bytes, size)), is_one, "{:?}", String::from_utf8_lossy(bytes));
    }
    is_one
}

const JSON: [&str; 4] = [
    concat!(
        r#" {"a\n":"\"\u00e9\\","b" :[1,-0.5e+10,{"c":null,"d":[]},true ,false], "e":{},"#,
        r#""é":"😀 long enough"} "#
    ),
    r#"[[[{"x":[0,10,1E5,1e-9]}]],"\ud83d\ude00\/\b\f\r\t", "\ud800", ""]"#,
    "[18446744073709551616,\t1e400,\r\n-1]",
    "{\"0123456789abcde\u{e9}\":\"0123456789abcdef0123456\u{7f}\"}",
];

#[test]
fn what_is_json_is_told_as_the_other_parser_tells_it() {
    let mut both = [0, 0];
    let mut compare = |bytes: &[u8]| {
        let text = str::from_utf8(bytes).ok();
        let right = text.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        assert_eq!(is_json(bytes), right, "{:?}", String::from_utf8_lossy(bytes));
        both[usize::from(right)] += 1;
    };
    let bytes = b"\"\\{}[]:, \t\n\r\x00\x1f\x20\x7f\x80\xbf\xc3\xe2\xf0\xff+-.0159aeEftnu/";
    for json in JSON {
        compare(json.as_bytes());
        for at in 0..json.len() {
            compare(&json.as_bytes()[..at]);
            for byte in bytes {
                let mut other = json.as_bytes().to_vec();
                other[at] = *byte;
                compare(&other);
                other.insert(at, json.as_bytes()[at]);
                compare(&other);
            }
        }
    }
    assert!(both.iter().all(|count| *count > 1000), "{both:?}");
}

#[test]
fn a_run_ends_where_it_would_byte_by_byte() {
    for length in 0..40 {
        for byte in 0..=255 {
            let text = format!("{}é", "a".repeat(40));
            let mut text = text.into_bytes();
            text[length] = byte;
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let end = text.iter().position(ends).unwrap_or(text.len());
            assert_eq!(run(&text), (end, text[..end].is_ascii()), "{byte} at {length}");
            let end = if byte == 0x7f { length } else { end };
            assert_eq!(plain::<true>(&text), (end, text[..end].is_ascii()), "{byte} at {length}");
        }
    }
}

#[test]
fn depth_is_no_matter_and_brackets_must_agree() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 100_000] {
        let (open, close) = ("[{\"a\":".repeat(depth), "}]".repeat(depth));
        assert!(is_json(format!("{open}1{close}").as_bytes()), "{depth}");
        assert!(!is_json(format!("{open}1{}", &close[1..]).as_bytes()), "{depth}");
        assert!(!is_json(format!("{open}1]{}", &close[1..]).as_bytes()), "{depth}");
        assert!(!is_json(format!("{open}1{close}]").as_bytes()), "{depth}");
    }
}

fn read<T: PartialEq + std::fmt::Debug>(json: &str, of: impl Fn(Option<Text<'_>>) -> T) -> T {
    let mut spelled = Spelled::default();
    let mut held = Json::new(json.as_bytes(), &mut spelled);
    let text = held.text(|text| of(Some(text))).unwrap().unwrap_or_else(|| of(None));
    for size in [1, 2, 5, LONGEST + 1] {
        let mut slow = Json::new(Slow(json.as_bytes(), size), &mut spelled);
        assert_eq!(
            slow.text(|text| of(Some(text))).unwrap().unwrap_or_else(|| of(None)),
            text,
            "{json}"
        );
        assert!(slow.end().is_some());
    }
    text
}

#[test]
fn texts_are_read_as_they_are_spelled_and_half_of_a_pair_is_none() {
    let text = |json: &str| {
        read(json, |text| text.map(|text| String::from_utf8(text.bytes.to_vec()).unwrap()))
    };
    for right in
        [r#""""#, r#""a b""#, r#""\"\\\/\b\f\n\r\t\u00e9\u20ac""#, "\"é€😀\"", r#""\ud83d\ude00é""#]
    {
        assert_eq!(text(right), serde_json::from_str(right).ok(), "{right}");
    }
    for lone in
        [r#""\ud800""#, r#""a\udc00b""#, r#""\ud800\ud83d\ude00""#, r#""\ud800é""#, r#""\ud800\n""#]
    {
        assert_eq!(text(lone), None, "{lone}");
    }
    for other in ["null", "7", "[\"a\"]", "{\"a\":\"b\"}"] {
        assert_eq!(text(other), None, "{other}");
    }
}

#[test]
fn long_texts_end_between_characters_and_what_is_left_out_must_be_right() {
    for (unit, bytes) in
        [("x", 1), ("\u{e9}", 2), ("\u{20ac}", 3), (r"\n", 1), (r"\ud83d\ude00", 4)]
    {
        for more in [0, 1] {
            let json = format!(
                "\"{}{}\"",
                unit.repeat(LONGEST / bytes + more),
                "y".repeat(LONGEST % bytes)
            );
            let length = LONGEST - if more == 1 { LONGEST % bytes } else { 0 };
            let found = read(&json, |text| text.map(|text| (text.bytes.len(), text.is_cut)));
            assert_eq!(found, Some((length, more == 1)), "{unit}");
        }
    }
    let long = "x".repeat(LONGEST + 5);
    for wrong in ["\u{1}", "\n", r"\x", r"\u12g4", r"\u+123", "\\\n"] {
        assert!(!is_json(format!("\"{long}{wrong}x\"").as_bytes()), "{wrong:?}");
    }
    assert!(
        read(&format!("\"{long}\\ud800\""), |text| text.is_none()),
        "half of a pair, however late"
    );
}

#[test]
fn numbers_are_counts_or_others() {
    let number = |json: &str| Json::new(json.as_bytes(), &mut Spelled::default()).number();
    let nines = "9".repeat(10_000);
    for (json, is) in [
        ("0,", Number::Is(0)),
        (" 18446744073709551615]", Number::Is(u64::MAX)),
        ("18446744073709551616 ", Number::Other),
        ("-0}", Number::Other),
        ("1.0,", Number::Other),
        ("1e0,", Number::Other),
        (&nines, Number::Other),
    ] {
        assert_eq!(number(json), Some(Some(is)), "{json}");
    }
    assert_eq!((number("\"1\""), number("null"), number("-")), (Some(None), Some(None), None));
}

#[test]
fn members_are_found_by_their_names_however_these_are_spelled() {
    let json = r#"{"a":1,"b":{"a":2},"\u0061":3,"a\ud800":4,"":5}"#;
    for size in [1, 4, 100] {
        let mut found = Vec::new();
        let known = |name: &[u8]| (name == b"a").then_some(());
        let mut spelled = Spelled::default();
        let mut json = Json::new(Slow(json.as_bytes(), size), &mut spelled);
        let is_object = json.object(known, |json, ()| {
            found.push(json.number()?);
            Some(())
        });
        assert_eq!(is_object, Some(true));
        assert_eq!(found, [1, 3].map(|number| Some(Number::Is(number))));
    }
}
