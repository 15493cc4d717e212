//! Every row of the table of faults, from bytes.

use super::*;
use crate::{ErrorKind, ScanAsked, TraceAnswer, Turn, WirePath};

fn scan() -> Request {
    let asked = ScanAsked {
        database: WirePath("/d".into()),
        memo: None,
        since: None,
        until: None,
        force: false,
    };
    Request::new("7", Ask::Scan(asked), 1000)
}

fn hello() -> Request {
    Request::new("0", Ask::Hello { versions: vec![VERSION] }, 1000)
}

fn seen(stdout: &str, end: End) -> Seen<'_> {
    Seen { stdout: stdout.as_bytes(), stderr: "", end, left: None, wrote: None }
}

fn fault(request: &Request, stdout: &str, end: End) -> Option<Fault> {
    judge(request, &seen(stdout, end)).fault()
}

const GOOD: &str = "{\"tracerig\":1,\"id\":\"7\",\"result\":{\"turns\":{}}}\n";

fn turns(names: &[&str]) -> Answer {
    let turn =
        |name: &&str| ((*name).to_owned(), Turn { thread_id: None, model: None, timestamp: 1 });
    Answer::Trace(TraceAnswer { turns: names.iter().map(turn).collect(), mode: None })
}

#[test]
fn each_row_is_named_from_what_a_process_left_behind() {
    let ok = || End::Code(0);
    for (stdout, end, due) in [
        (GOOD, ok(), None),
        ("", End::Code(1), Some(Fault::Crashed)),
        ("", End::Signal(11), Some(Fault::Crashed)),
        ("", ok(), Some(Fault::Crashed)),
        ("{\"tracerig\":1,\"id\":\"7\",\"res", End::Signal(9), Some(Fault::Crashed)),
        (GOOD, End::TimedOut, Some(Fault::TimedOut)),
        (GOOD.trim_end(), ok(), Some(Fault::CutLine)),
        ("hello\n", ok(), Some(Fault::Noise)),
        ("{\"tracerig\":1,\"id\":\"7\"}\n", ok(), Some(Fault::Noise)),
        ("{\"tracerig\":2,\"id\":\"7\",\"result\":{}}\n", ok(), Some(Fault::Noise)),
        ("{\"tracerig\":1,\"id\":\"8\",\"result\":{}}\n", ok(), Some(Fault::WrongId)),
        (GOOD, End::TooMuchOutput("x"), Some(Fault::TooMuchOutput)),
        (GOOD, End::Code(3), Some(Fault::RightAnswerBadExit)),
        (GOOD, End::Held, Some(Fault::LeftAProcess)),
        ("{\"tracerig\":1,\"id\":\"7\",\"result\":{\"turns\":[]}}\n", ok(), Some(Fault::Wrong)),
    ] {
        assert_eq!(fault(&scan(), stdout, end), due, "{stdout}");
    }
    let twice = GOOD.repeat(2);
    assert_eq!(fault(&scan(), &twice, ok()), Some(Fault::Trailing));
    let noisy = format!("log\n{GOOD}");
    let outcome = judge(&scan(), &seen(&noisy, ok()));
    assert_eq!(outcome.fault(), Some(Fault::Noise));
    assert_eq!(outcome.answer(), Some(&turns(&[])), "a run flags it, and has the answer");
    let left = Seen { left: Some("sleep".to_owned()), ..seen(GOOD, ok()) };
    assert_eq!(judge(&scan(), &left).fault(), Some(Fault::LeftAProcess));
    let wrote = Seen { wrote: Some("/d".to_owned()), ..seen(GOOD, ok()) };
    assert_eq!(judge(&scan(), &wrote).fault(), Some(Fault::WroteOutside));
}

#[test]
fn a_hello_says_who_it_is() {
    let say = |fields: &str| {
        let line = format!("{{\"tracerig\":1,\"id\":\"0\",\"result\":{{{fields}}}}}\n");
        fault(&hello(), &line, End::Code(0))
    };
    let trace = "\"contracts\":[\"trace\"]";
    assert_eq!(say(&format!("\"name\":\"a\",\"version\":\"1\",{trace}")), None);
    let later = "\"contracts\":[\"trace\",\"later\"],\"capabilities\":[\"memo\",\"later\"]";
    assert_eq!(say(&format!("\"name\":\"a\",\"version\":\"1\",{later}")), None);
    assert_eq!(say(&format!("\"version\":\"1\",{trace}")), Some(Fault::NoHello));
    assert_eq!(say("\"name\":\"a\",\"version\":\"1\""), Some(Fault::NoHello));
    assert_eq!(
        say("\"name\":\"a\",\"version\":\"1\",\"contracts\":[\"usage\"]"),
        Some(Fault::NoHello)
    );
    let newer = format!("\"name\":\"a\",\"version\":\"1\",\"versions\":[2],{trace}");
    assert_eq!(say(&newer), Some(Fault::NoHello));
    for version in ["", "main", "latest"] {
        let said = say(&format!("\"name\":\"a\",\"version\":\"{version}\",{trace}"));
        assert_eq!(said, Some(Fault::NoVersion), "{version}");
    }
    assert_eq!(fault(&hello(), "", End::Code(1)), Some(Fault::NoHello));
    assert_eq!(fault(&hello(), "", End::NotStarted("x".to_owned())), Some(Fault::NoHello));
    assert_eq!(fault(&hello(), "", End::TimedOut), Some(Fault::TimedOut));
}

#[test]
fn an_answer_is_held_against_the_right_one_an_earlier_one_and_itself() {
    let (a, b, c) = (turns(&["a"]), turns(&["b"]), turns(&["c"]));
    let earlier = [b.clone()];
    let against = |said: &Answer, again: Option<&Answer>| {
        let expected = Expected { right: &a, earlier: &earlier, again, declared: None };
        Outcome::Answered(said.clone(), Claims::default()).against(&expected).fault()
    };
    assert_eq!(against(&a, None), None);
    assert_eq!(against(&a, Some(&a)), None);
    assert_eq!(against(&b, None), Some(Fault::Stale));
    assert_eq!(against(&c, None), Some(Fault::Wrong));
    assert_eq!(against(&c, Some(&a)), Some(Fault::Nondeterministic));
    assert_eq!(against(&c, Some(&c)), Some(Fault::Wrong), "the same wrong answer twice");
    // A wrong answer is worse than a wrong exit code.
    let expected = Expected { right: &a, earlier: &[], again: None, declared: None };
    let both = judge(&scan(), &seen(GOOD, End::Code(3))).against(&expected);
    let Outcome::Faulty(Finding { fault, detail, .. }) = both else { panic!("{both:?}") };
    assert_eq!(fault, Fault::Wrong);
    assert_eq!(detail, "1 missing: turn `a` (thread null, model null, timestamp 1)");
}

#[test]
fn an_error_is_an_outcome_and_says_what_the_memo_must_be() {
    let line =
        "{\"tracerig\":1,\"id\":\"7\",\"error\":{\"kind\":\"busy\",\"message\":\"locked\"}}\n";
    let outcome = judge(&scan(), &seen(line, End::Code(0)));
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert!(refusal.kind.is_definite() && refusal.to_string() == "busy: locked");
    assert!(!ErrorKind::Failed.is_definite());
}

#[test]
fn numbers_above_2_to_the_53_may_be_strings_and_usage_is_summed_to_what_is_declared() {
    let declared: UsageDeclared = serde_json::from_str(
        r#"{"by":["day"],"tokens":["input","output"],"input_includes_cached":false}"#,
    )
    .unwrap();
    let said = r#"{"rows":[{"day":"d","input":"18446744073709551000","output":2},
        {"day":"d","input":10}]}"#;
    let right = r#"{"rows":[
        {"day":"d","model":"m","input":"18446744073709551015","cached_input":5,"output":2},
        {"day":"e"}]}"#;
    let read = |text: &str| Answer::Usage(serde_json::from_str(text).unwrap());
    let difference = Difference::of(&read(said), &read(right), Some(&declared));
    assert!(difference.is_empty(), "{difference}");
    // What the candidate said itself needs no conversion.
    let cached = read(r#"{"rows":[{"day":"d","input":9,"cached_input":5}]}"#);
    assert!(Difference::since(&cached, &cached, Some(&declared)).is_empty());
    assert!(!Difference::of(&cached, &cached, Some(&declared)).is_empty());
    let other = read(r#"{"rows":[{"day":"d","input":1,"output":2}]}"#);
    let told = Difference::of(&other, &read(right), Some(&declared)).to_string();
    assert!(
        told.starts_with("1 different: row `d`: input 1, output 2, instead of input 1844"),
        "{told}"
    );
    assert!(serde_json::from_str::<crate::UsageRow>(r#"{"input":-1}"#).is_err());
}

#[test]
fn claims_of_the_wrong_form_are_as_none_and_void_no_answer() {
    for (claims, counters) in [
        ("null", vec![]),
        ("[1]", vec![]),
        (r#"{"counters":3,"cursor":"x","persisted":1,"phases_ns":null,"histograms":[]}"#, vec![]),
        (
            r#"{"counters":{"a":"1152921504606846976","b":-1,"c":1.5,"d":7}}"#,
            vec![("a".to_owned(), 1 << 60), ("d".to_owned(), 7)],
        ),
    ] {
        let line = GOOD.replace("}}}", &format!("}}}},\"claims\":{claims}}}"));
        let outcome = judge(&scan(), &seen(&line, End::Code(0)));
        let Outcome::Answered(_, said) = outcome else { panic!("{claims}: {outcome:?}") };
        assert_eq!(said.counters, counters.into_iter().collect(), "{claims}");
        assert_eq!(said.cursor, None, "{claims}");
    }
}
