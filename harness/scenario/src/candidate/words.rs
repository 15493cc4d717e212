//! A command in one string, split into words without a shell.

/// The words of `text`. Spaces separate them; quotes of either sort and backslashes keep spaces, as
/// in a shell. Nothing else has a meaning: no variables, no wildcards, no pipes.
///
/// # Errors
/// A quote is not closed, or there is no word.
pub fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = characters.next().ok_or("the command ends with a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (_, Some(_)) => word.get_or_insert_default().push(character),
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (other, None) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the command `{text}` has a {open} that is not closed"));
    }
    words.extend(word);
    if words.is_empty() { Err("the command is empty".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_a_shell_does_and_nothing_is_expanded() {
        for (text, words) in [
            ("python3 my_scanner.py", &["python3", "my_scanner.py"][..]),
            ("  a   'b c'\td\"e f\" ", &["a", "b c", "de f"]),
            (r#"a\ b "c\"d" 'e\f' ''"#, &["a b", "c\"d", r"e\f", ""]),
            ("a $HOME *.py | b; c", &["a", "$HOME", "*.py", "|", "b;", "c"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for text in ["", "  ", "a 'b", "a \"b", "a\\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
