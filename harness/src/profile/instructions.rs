//! Instructions that Valgrind's callgrind counted.

use std::collections::{BTreeMap, HashMap};

use tracerig_reports::profile::Cost;

/// The costs of each function in a file of callgrind. A line of a call is followed by what the
/// callee cost, which is not the caller's own.
pub(super) fn costs(text: &str) -> BTreeMap<String, Cost> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
    let mut function = "";
    let mut is_callee = false;
    for line in text.lines() {
        if let Some(called) = line.strip_prefix("fn=") {
            function = resolved(&mut names, called);
        } else if let Some(called) = line.strip_prefix("cfn=") {
            resolved(&mut names, called);
        } else if line.starts_with("calls=") {
            is_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost =
                line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if let Some(cost) = cost.filter(|_| !std::mem::take(&mut is_callee)) {
                costs.entry(plain(function)).or_default().own += cost;
            }
        }
    }
    costs
}

/// The name that `(12) name` gives to 12, or that `(12)` had before.
fn resolved<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(") ") {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text.trim_end_matches(')')).copied().unwrap_or(text),
    }
}

/// The name of a function without what compilers add: the hash of a crate, the depth of a
/// recursion.
pub(super) fn plain(name: &str) -> String {
    let name = name
        .rsplit_once('\'')
        .filter(|(_, depth)| depth.parse::<u32>().is_ok())
        .map_or(name, |it| it.0);
    let is_hash =
        |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (path, hash) = name.rsplit_once("::h").unwrap_or((name, ""));
    if is_hash(hash) { path.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_its_own_instructions_and_not_those_of_what_it_calls() {
        let text = "events: Ir\n\
                    summary: 99\n\n\
                    fn=(1) main\n\
                    0 5\n\
                    cfn=(2) scan::h0123456789abcdef\n\
                    calls=3 0 \n\
                    0 70\n\
                    +1 7\n\n\
                    fn=(2)\n\
                    0 40\n\
                    cfn=(3) walk'2\n\
                    calls=1 0\n\
                    * 30\n\n\
                    fn=(3)\n\
                    12 30\n";
        let expected = [("main", 12), ("scan", 40), ("walk", 30)];
        let own = costs(text).into_iter().map(|(name, cost)| (name, cost.own));
        assert_eq!(own.collect::<Vec<_>>(), expected.map(|(name, own)| (name.to_owned(), own)));
    }
}
